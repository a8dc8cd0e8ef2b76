import type { Act, Attributes, Resource } from "../resource.js";

/** A rotating actuator. Values that are no finite numbers never reach a driver: the handlers refuse them. */
export interface Motor extends Resource {
  /** Runs on at a fraction of full power, -1 to 1, until told otherwise. */
  setPower(fraction: number, extra: Attributes, act: Act): Promise<void>;
  /** Runs on at a speed until told otherwise; 0 holds still. */
  setRpm(rpm: number, extra: Attributes, act: Act): Promise<void>;
  /** Turns by `revolutions` (not 0) at `rpm` (not 0) and settles there; one negative sign turns backwards, two forwards. */
  goFor(rpm: number, revolutions: number, extra: Attributes, act: Act): Promise<void>;
  /** Turns to a position, in revolutions from zero, and settles there. The sign of `rpm` (not 0) does not matter. */
  goTo(rpm: number, positionRevolutions: number, extra: Attributes, act: Act): Promise<void>;
  /** Makes the present position read `-offsetRevolutions`. */
  resetZeroPosition(offsetRevolutions: number, extra: Attributes, act: Act): Promise<void>;
  /** Revolutions from zero. */
  position(extra: Attributes): Promise<number>;
  /** Whether {@link position} works. */
  reportsPosition(extra: Attributes): Promise<boolean>;
  power(extra: Attributes): Promise<{ readonly isOn: boolean; readonly fraction: number }>;
  stop(extra: Attributes): Promise<void>;
  isMoving(): Promise<boolean>;
}
