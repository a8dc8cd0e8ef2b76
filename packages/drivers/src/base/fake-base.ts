import { readAttributes } from "../attributes.js";
import { createActuator } from "../fake/actuator.js";
import { FAKE_NAMES } from "../fake/names.js";
import type { Portrait } from "../fake/portrait.js";
import type { Act, BuildContext, Model } from "../resource.js";
import { nonZero, within } from "../values.js";
import type { Base } from "./base.js";
import { wheelPowers, wheelSpeeds } from "./differential-drive.js";
import { createWheels, type Sides, wheelNames } from "./wheels.js";

/** Width of Viam's fake base. */
const DEFAULT_WIDTH_MM = 600;
/** A wheel of about 95 mm. */
const DEFAULT_CIRCUMFERENCE_MM = 300;
const SIZE_LIMITS_MM = { min: 1, max: 100_000 };
const BODY_HEIGHT_MM = 200;
const MS_PER_SEC = 1000;

/**
 * A base with a wheel on each side that integrates where it is. Attributes: `left`, `right` (names of motors, or lists
 * of them; without them it has two of its own), `wheel_circumference_mm`, `width_mm`, `max_rpm` (own motors), and those
 * of every fake. Its DoCommand answers the pose: `{"x_mm", "y_mm", "heading_deg"}`.
 */
export const fakeBase: Model<Base> = {
  names: FAKE_NAMES,
  dependencies(attributes) {
    const { left, right } = wheelNames("base", attributes);
    return [...left, ...right];
  },
  build: createFakeBase,
};

function createFakeBase(context: BuildContext): Base {
  const { name, clock } = context;
  const read = readAttributes(name, context.attributes);
  const widthMm = read.number("width_mm", DEFAULT_WIDTH_MM, SIZE_LIMITS_MM);
  const circumferenceMm = read.number("wheel_circumference_mm", DEFAULT_CIRCUMFERENCE_MM, SIZE_LIMITS_MM);
  const wheels = createWheels(context, { widthMm, circumferenceMm });
  const actuator = createActuator(context);

  /** Wheel speeds for a velocity, checked against what the motors can do. */
  const turning = (mmPerSec: number, degsPerSec: number): Sides => {
    const { left, right } = wheelSpeeds(mmPerSec, degsPerSec, widthMm);
    const rpm = { left: (left / circumferenceMm) * 60, right: (right / circumferenceMm) * 60 };
    const what = (side: string) => `the speed of the ${side} wheel of "${name}" that this velocity needs`;
    within(rpm.left, what("left"), -wheels.maxRpm, wheels.maxRpm, "rpm: ask for less");
    within(rpm.right, what("right"), -wheels.maxRpm, wheels.maxRpm, "rpm: ask for less");
    return rpm;
  };
  const driveFor = async (rpm: Sides, durationMs: number, act: Act) => {
    const endsAtMs = clock.now() + durationMs;
    await actuator.follow(act, {
      step: () => wheels.setRpm(rpm, act),
      remainingMs: () => endsAtMs - clock.now(),
      finish: () => wheels.setRpm({ left: 0, right: 0 }, act),
    });
  };
  const takeOver = (act: Act) => act.write(() => actuator.interrupt());

  const base: Base & { portrait(): Portrait } = {
    name,
    drives: wheels.names,
    async moveStraight(distanceMm, mmPerSec, _extra, act) {
      nonZero(mmPerSec, `the speed of "${name}"`);
      const rpm = turning(mmPerSec * Math.sign(distanceMm), 0);
      await driveFor(rpm, Math.abs(distanceMm / mmPerSec) * MS_PER_SEC, act);
    },
    async spin(angleDeg, degsPerSec, _extra, act) {
      nonZero(degsPerSec, `the turning speed of "${name}"`);
      const rpm = turning(0, degsPerSec * Math.sign(angleDeg));
      await driveFor(rpm, Math.abs(angleDeg / degsPerSec) * MS_PER_SEC, act);
    },
    async setPower(linear, angular, _extra, act) {
      within(linear.y, `the forward power (linear.y) of "${name}"`, -1, 1, "");
      within(angular.z, `the turning power (angular.z) of "${name}"`, -1, 1, "");
      takeOver(act);
      await wheels.setPower(wheelPowers(linear.y, angular.z), act);
    },
    async setVelocity(linear, angular, _extra, act) {
      const rpm = turning(linear.y, angular.z);
      takeOver(act);
      await wheels.setRpm(rpm, act);
    },
    properties: async () => ({ widthMm, turningRadiusMm: 0, wheelCircumferenceMm: circumferenceMm }),
    stop: (extra) => actuator.halt(() => wheels.stop(extra)),
    ...(wheels.beginRamp && {
      beginRamp(act) {
        takeOver(act);
        return wheels.beginRamp!(act);
      },
    }),
    emergencyStop: actuator.emergencyStop,
    isMoving: () => wheels.isMoving(),
    geometries: async () => [
      {
        label: name,
        center: { x: 0, y: 0, z: BODY_HEIGHT_MM / 2 },
        solid: { kind: "box", x: widthMm, y: widthMm, z: BODY_HEIGHT_MM },
      },
    ],
    async doCommand() {
      const { xMm, yMm, headingDeg } = wheels.pose();
      return { x_mm: xMm, y_mm: yMm, heading_deg: headingDeg };
    },
    async close() {
      await wheels.close();
      actuator.close();
    },
    portrait: () => ({ kind: "base", ...wheels.pose(), widthMm, wheelsRpm: wheels.rpm() }),
  };
  return base;
}
