import { readAttributes } from "../attributes.js";
import { createActuator } from "../fake/actuator.js";
import { FAKE_NAMES } from "../fake/names.js";
import type { Portrait } from "../fake/portrait.js";
import { createSimulatedJoints, travelMs } from "../fake/simulated-joints.js";
import type { BuildContext, Model } from "../resource.js";
import { noCommands } from "../unsupported.js";
import { within } from "../values.js";
import type { Servo } from "./servo.js";

/** The travel of common hobby servos. */
const DEFAULT_MAX_DEG = 180;
/** A common hobby servo without load: 60 degrees in 0.2 s. */
const DEFAULT_SPEED_DEGS_PER_SEC = 300;

/** A servo that turns in memory. Attributes: `min_deg`, `max_deg`, `speed_degs_per_sec`, and those of every fake. */
export const fakeServo: Model<Servo> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeServo };

function createFakeServo(context: BuildContext): Servo {
  const { name, clock } = context;
  const read = readAttributes(name, context.attributes);
  const minDeg = read.number("min_deg", 0, { min: 0, max: 360 });
  const maxDeg = read.number("max_deg", Math.max(minDeg, DEFAULT_MAX_DEG), { min: minDeg, max: 360 });
  const speed = read.number("speed_degs_per_sec", DEFAULT_SPEED_DEGS_PER_SEC, { min: 0.001, max: 100_000 });
  const actuator = createActuator(context);
  const joints = createSimulatedJoints(clock, [minDeg]);
  const angle = () => joints.positions()[0]!;

  const servo: Servo & { portrait(): Portrait } = {
    name,
    drives: [],
    async move(angleDeg, _extra, act) {
      within(angleDeg, `the angle of "${name}"`, minDeg, maxDeg, "degrees");
      const endsAtMs = clock.now() + travelMs([angle()], [angleDeg], speed);
      await actuator.follow(act, {
        step: () =>
          actuator.continue(act, {
            name: "move_to",
            args: { angle_deg: angleDeg },
            apply: () => joints.moveTo([angleDeg], endsAtMs),
          }),
        remainingMs: () => endsAtMs - clock.now(),
      });
    },
    position: async () => angle(),
    stop: () => actuator.halt(joints.hold),
    hold: () => actuator.halt(joints.hold, "hold"),
    emergencyStop: actuator.emergencyStop,
    isMoving: async () => joints.isMoving(),
    status: async () => ({ position_deg: Math.round(angle()), is_moving: joints.isMoving() }),
    doCommand: noCommands(name),
    close: async () => actuator.close(),
    portrait: () => ({ kind: "servo", angleDeg: angle() }),
  };
  return servo;
}
