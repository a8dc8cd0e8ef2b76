import { readAttributes } from "../attributes.js";
import { createActuator } from "../fake/actuator.js";
import { FAKE_NAMES } from "../fake/names.js";
import type { Portrait } from "../fake/portrait.js";
import type { Act, Attributes, BuildContext, Model } from "../resource.js";
import { nonZero, within } from "../values.js";
import type { Motor } from "./motor.js";
import { createSimulatedMotor, rememberShaft } from "./simulated-motor.js";

/** Full speed where the configuration names none; what Viam's fake motor has. */
const DEFAULT_MAX_RPM = 100;
const MAX_RPM_LIMIT = 1_000_000;
const MS_PER_MINUTE = 60_000;

/**
 * A motor that turns in memory. Attributes: `max_rpm`, and those of every fake. Its DoCommand knows
 * `{"set_power": fraction}`, which moves it (so that tests have a DoCommand that does), and echoes anything else.
 */
export const fakeMotor: Model<Motor> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeMotor };

export function createFakeMotor(context: BuildContext): Motor {
  const { name, clock } = context;
  const maxRpm = readAttributes(name, context.attributes).number("max_rpm", DEFAULT_MAX_RPM, {
    min: 0.001,
    max: MAX_RPM_LIMIT,
  });
  const actuator = createActuator(context);
  const shaft = createSimulatedMotor(clock, maxRpm);
  let zeroRevolutions = 0;

  const position = () => shaft.revolutions() - zeroRevolutions;
  const turn = (rpm: number) => ({ name: "set_rpm", args: { rpm }, apply: () => shaft.setRpm(rpm) });
  const checkRpm = (rpm: number) => within(rpm, `the speed of "${name}"`, -maxRpm, maxRpm, "rpm (max_rpm)");
  const setPower = async (fraction: number, act: Act) => {
    within(fraction, `the power of "${name}"`, -1, 1, "");
    await actuator.command(act, turn(fraction * maxRpm));
  };
  const turnFor = async (rpm: number, durationMs: number, act: Act) => {
    const endsAtMs = clock.now() + durationMs;
    await actuator.follow(act, {
      step: () => actuator.continue(act, turn(rpm)),
      remainingMs: () => endsAtMs - clock.now(),
      finish: () => actuator.continue(act, turn(0)),
    });
  };

  const motor: Motor & { portrait(): Portrait } = {
    name,
    drives: [],
    setPower: (fraction, _extra, act) => setPower(fraction, act),
    async setRpm(rpm, _extra, act) {
      await actuator.command(act, turn(checkRpm(rpm)));
    },
    async goFor(rpm, revolutions, _extra, act) {
      nonZero(checkRpm(rpm), `the speed of "${name}"`);
      nonZero(revolutions, `the number of revolutions for "${name}"`);
      await turnFor(rpm * Math.sign(revolutions), (Math.abs(revolutions) / Math.abs(rpm)) * MS_PER_MINUTE, act);
    },
    async goTo(rpm, positionRevolutions, _extra, act) {
      nonZero(checkRpm(rpm), `the speed of "${name}"`);
      const revolutions = positionRevolutions - position();
      const durationMs = (Math.abs(revolutions) / Math.abs(rpm)) * MS_PER_MINUTE;
      await turnFor(Math.abs(rpm) * Math.sign(revolutions), durationMs, act);
    },
    async resetZeroPosition(offsetRevolutions, _extra, act) {
      await actuator.continue(act, {
        name: "reset_zero",
        args: { offset: offsetRevolutions },
        apply: () => {
          zeroRevolutions = shaft.revolutions() + offsetRevolutions;
        },
      });
    },
    position: async () => position(),
    reportsPosition: async () => true,
    power: async () => ({ isOn: shaft.rpm() !== 0, fraction: shaft.rpm() / maxRpm }),
    stop: () => actuator.halt(() => shaft.setRpm(0)),
    hold: () => actuator.halt(() => shaft.setRpm(0), "hold"),
    beginRamp(act) {
      act.write(() => actuator.interrupt());
      const fromRpm = shaft.rpm();
      return (fraction) => actuator.continue(act, turn(fromRpm * fraction));
    },
    emergencyStop: actuator.emergencyStop,
    isMoving: async () => shaft.rpm() !== 0,
    status: async () => ({ is_powered: shaft.rpm() !== 0, position: position(), is_moving: shaft.rpm() !== 0 }),
    async doCommand(command: Attributes, act) {
      if (typeof command.set_power === "number") await setPower(command.set_power, act);
      return command;
    },
    close: async () => actuator.close(),
    portrait: () => ({ kind: "motor", revolutions: shaft.revolutions(), rpm: shaft.rpm() }),
  };
  rememberShaft(motor, shaft);
  return motor;
}
