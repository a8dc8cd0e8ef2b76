import { VigilError } from "@vigil/shared";
import { readAttributes } from "../attributes.js";
import { createFakeMotor } from "../motor/fake-motor.js";
import type { Motor } from "../motor/motor.js";
import { createSimulatedMotor, type SimulatedMotor, shaftOf } from "../motor/simulated-motor.js";
import type { Act, Attributes, BuildContext } from "../resource.js";
import { ORIGIN, type Pose2d, rolled } from "./differential-drive.js";

/** What both sides are asked to do. */
export interface Sides {
  readonly left: number;
  readonly right: number;
}

/** The two sides of a base and the path that they have driven. */
export interface Wheels {
  readonly names: readonly string[];
  /** Speed that both sides can turn at; Infinity where the motors are no fakes and know themselves. */
  readonly maxRpm: number;
  setRpm(speeds: Sides, act: Act): Promise<void>;
  setPower(fractions: Sides, act: Act): Promise<void>;
  stop(extra: Attributes): Promise<void>;
  /** Of its own motors; motors that the configuration names are ramped down as resources of their own. */
  beginRamp?(act: Act): (fraction: number) => Promise<void>;
  isMoving(): Promise<boolean>;
  rpm(): Sides;
  pose(): Pose2d;
  close(): Promise<void>;
}

interface Side {
  readonly motors: readonly Motor[];
  /** What the pose is taken from: the first motor's own shaft, or a shadow of it that turns as commanded. */
  readonly shaft: SimulatedMotor;
  readonly isShadow: boolean;
}

/** Internal motors turn at most this fast: 1 m/s with the default wheels. */
const INTERNAL_MAX_RPM = 200;

/** What full power is taken for where the motors are no fakes: only the drawn pose depends on it. */
const SHADOW_MAX_RPM = INTERNAL_MAX_RPM;

/** Attributes that a base hands on to the motors that it makes for itself. */
const INHERITED = ["max_rpm", "log_path", "bus_delay_ms"] as const;

export function wheelNames(
  name: string,
  attributes: Attributes,
): { left: readonly string[]; right: readonly string[] } {
  const read = readAttributes(name, attributes);
  const names = { left: read.names("left"), right: read.names("right") };
  if (names.left.length > 0 === names.right.length > 0) return names;
  throw new VigilError(
    "bad_request",
    `base "${name}" has motors on one side only: name both "left" and "right", or none`,
  );
}

/** Wheels from the motors that the attributes `left` and `right` name; motors of its own where they name none. */
export function createWheels(context: BuildContext, size: { circumferenceMm: number; widthMm: number }): Wheels {
  const { name, clock } = context;
  const configured = wheelNames(name, context.attributes);
  const isInternal = configured.left.length === 0;
  const side = (which: "left" | "right"): Side => {
    const motors = isInternal
      ? [createInternalMotor(context, which)]
      : configured[which].map((motor) => motorOf(context, motor));
    const shaft = shaftOf(motors[0]!);
    return { motors, shaft: shaft ?? createSimulatedMotor(clock, Number.POSITIVE_INFINITY), isShadow: !shaft };
  };
  const sides = { left: side("left"), right: side("right") };
  const motors = [...sides.left.motors, ...sides.right.motors];
  const path = followPath(sides.left.shaft, sides.right.shaft, size);

  const shadow = (rpm: Sides) => {
    for (const key of ["left", "right"] as const) if (sides[key].isShadow) sides[key].shaft.setRpm(rpm[key]);
  };
  const both = async (values: Sides, act: Act, give: (motor: Motor, value: number) => Promise<void>) => {
    const outcomes = await Promise.allSettled([
      ...sides.left.motors.map((motor) => give(motor, values.left)),
      ...sides.right.motors.map((motor) => give(motor, values.right)),
    ]);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (!failed) return;
    // One side turned and the other did not: hold both, as far as this call may; the first error is the one to tell.
    await Promise.allSettled(motors.map((motor) => motor.setRpm(0, {}, act)));
    throw failed.reason;
  };

  return {
    names: isInternal ? [] : motors.map((motor) => motor.name),
    maxRpm: Math.min(sides.left.shaft.maxRpm, sides.right.shaft.maxRpm),
    async setRpm(speeds, act) {
      await both(speeds, act, (motor, rpm) => motor.setRpm(rpm, {}, act));
      shadow(speeds);
    },
    async setPower(fractions, act) {
      await both(fractions, act, (motor, fraction) => motor.setPower(fraction, {}, act));
      shadow({ left: fractions.left * SHADOW_MAX_RPM, right: fractions.right * SHADOW_MAX_RPM });
    },
    async stop(extra) {
      shadow({ left: 0, right: 0 });
      const outcomes = await Promise.allSettled(motors.map((motor) => motor.stop(extra)));
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed) throw failed.reason;
    },
    ...(isInternal && {
      beginRamp(act) {
        const scales = motors.map((motor) => motor.beginRamp!(act));
        return async (fraction) => void (await Promise.all(scales.map((scale) => scale(fraction))));
      },
    }),
    async isMoving() {
      return (await Promise.all(motors.map((motor) => motor.isMoving()))).includes(true);
    },
    rpm: () => ({ left: sides.left.shaft.rpm(), right: sides.right.shaft.rpm() }),
    pose: path,
    async close() {
      if (isInternal) await Promise.all(motors.map((motor) => motor.close()));
    },
  };
}

/** Integrates the pose: exact, because it takes one arc between two changes of speed, whoever makes them. */
function followPath(
  left: SimulatedMotor,
  right: SimulatedMotor,
  { circumferenceMm, widthMm }: { circumferenceMm: number; widthMm: number },
): () => Pose2d {
  let seen = { left: left.revolutions(), right: right.revolutions() };
  let pose = ORIGIN;
  const update = () => {
    const now = { left: left.revolutions(), right: right.revolutions() };
    const leftMm = (now.left - seen.left) * circumferenceMm;
    const rightMm = (now.right - seen.right) * circumferenceMm;
    pose = rolled(pose, leftMm, rightMm, widthMm);
    seen = now;
    return pose;
  };
  left.beforeChange(update);
  right.beforeChange(update);
  return update;
}

function createInternalMotor(context: BuildContext, side: string): Motor {
  const attributes: Record<string, unknown> = { max_rpm: INTERNAL_MAX_RPM };
  for (const key of INHERITED) if (context.attributes[key] !== undefined) attributes[key] = context.attributes[key];
  return createFakeMotor({ ...context, name: `${context.name}:${side}`, attributes });
}

function motorOf(context: BuildContext, name: string): Motor {
  const motor = context.dependency<Motor>(name);
  if (typeof motor.setRpm === "function" && typeof motor.setPower === "function") return motor;
  throw new VigilError("bad_request", `base "${context.name}" names "${name}" as a wheel: name a motor there`);
}
