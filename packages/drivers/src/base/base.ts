import type { Act, Attributes, Resource } from "../resource.js";

/** As on the wire: forward is `y` of the linear part, a turn to the left is positive `z` of the angular part. */
export interface Vector {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** A driving platform. Values that are no finite numbers never reach a driver: the handlers refuse them. */
export interface Base extends Resource {
  /** Drives `distanceMm` at `mmPerSec` (not 0) and halts; one negative sign drives backwards, two forwards. */
  moveStraight(distanceMm: number, mmPerSec: number, extra: Attributes, act: Act): Promise<void>;
  /** Turns on the spot by `angleDeg` at `degsPerSec` (not 0) and halts; positive is to the left. */
  spin(angleDeg: number, degsPerSec: number, extra: Attributes, act: Act): Promise<void>;
  /** Runs on at fractions of full power, -1 to 1 each, until told otherwise. */
  setPower(linear: Vector, angular: Vector, extra: Attributes, act: Act): Promise<void>;
  /** Runs on at mm/s and deg/s until told otherwise. */
  setVelocity(linear: Vector, angular: Vector, extra: Attributes, act: Act): Promise<void>;
  properties(extra: Attributes): Promise<BaseProperties>;
  stop(extra: Attributes): Promise<void>;
  isMoving(): Promise<boolean>;
}

export interface BaseProperties {
  readonly widthMm: number;
  readonly turningRadiusMm: number;
  readonly wheelCircumferenceMm: number;
}
