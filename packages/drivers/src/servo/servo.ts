import type { Act, Attributes, Resource } from "../resource.js";

/** An actuator that turns to an angle and holds it. */
export interface Servo extends Resource {
  /** Settles when it is there. */
  move(angleDeg: number, extra: Attributes, act: Act): Promise<void>;
  /** Degrees, from 0. */
  position(extra: Attributes): Promise<number>;
  stop(extra: Attributes): Promise<void>;
  isMoving(): Promise<boolean>;
}
