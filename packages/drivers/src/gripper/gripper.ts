import type { Act, Attributes, Resource } from "../resource.js";

/** Jaws that open and grab. */
export interface Gripper extends Resource {
  /** Settles when the jaws are open. */
  open(extra: Attributes, act: Act): Promise<void>;
  /** Closes until something is held or the jaws meet; true if something is held. */
  grab(extra: Attributes, act: Act): Promise<boolean>;
  isHolding(extra: Attributes): Promise<boolean>;
  /** Positions of its joints, in the units of {@link kinematics}. */
  currentInputs(extra: Attributes): Promise<readonly number[]>;
  goToInputs(values: readonly number[], extra: Attributes, act: Act): Promise<void>;
  /** Its joints in Viam's SVA form, as JSON. */
  kinematics(extra: Attributes): Promise<Attributes>;
  stop(extra: Attributes): Promise<void>;
  isMoving(): Promise<boolean>;
}
