import type { Act, Attributes, Resource } from "../resource.js";

/** Position in mm and an orientation vector with its roll `theta` in degrees; without rotation `oZ` is 1. */
export interface ArmPose {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly oX: number;
  readonly oY: number;
  readonly oZ: number;
  readonly theta: number;
}

/** Limits that a caller sets for one motion. Absent: the arm's own. */
export interface ArmMoveLimits {
  readonly maxVelDegsPerSec?: number | undefined;
  /** One for each joint; wins over the common one. */
  readonly maxVelDegsPerSecJoints?: readonly number[] | undefined;
}

/** A point of a streamed trajectory. */
export interface TrajectoryPoint {
  /** When to be there, in ms from the trajectory's begin. An arm that cannot be so fast comes later. */
  readonly timeMs: number;
  readonly positions: readonly number[];
}

/** A chain of joints. Joint positions in degrees (mm for sliding joints), from the base outwards. */
export interface Arm extends Resource {
  endPosition(extra: Attributes): Promise<ArmPose>;
  moveToPosition(to: ArmPose, extra: Attributes, act: Act): Promise<void>;
  jointPositions(extra: Attributes): Promise<readonly number[]>;
  moveToJointPositions(positions: readonly number[], extra: Attributes, act: Act): Promise<void>;
  moveThroughJointPositions(
    waypoints: readonly (readonly number[])[],
    limits: ArmMoveLimits,
    extra: Attributes,
    act: Act,
  ): Promise<void>;
  /** Moves through points as they come; yields once for every batch that is done. */
  streamJointPositions(
    batches: AsyncIterable<readonly TrajectoryPoint[]>,
    extra: Attributes,
    act: Act,
  ): AsyncIterable<void>;
  /** Its joints in Viam's SVA form, as JSON. */
  kinematics(extra: Attributes): Promise<Attributes>;
  properties(extra: Attributes): Promise<{ readonly manualMode: boolean; readonly cartesianCommands: boolean }>;
  /** Lets a person push the arm by hand. Absent: it cannot. */
  setManualMode?(on: boolean, enabledFor: number, extra: Attributes, act: Act): Promise<void>;
  manualMode?(extra: Attributes): Promise<boolean>;
  stop(extra: Attributes): Promise<void>;
  isMoving(): Promise<boolean>;
}
