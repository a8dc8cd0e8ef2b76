import type { CallHandler } from "@vigil/protocol";
import type { ByteWrite, Clock } from "@vigil/shared";

/** An API of the robot, as in "rdk:component:motor". */
export interface Api {
  readonly namespace: string;
  readonly type: "component" | "service";
  readonly subtype: string;
}

/** Free-form values of a model: configuration attributes, a request's `extra`, commands and their results. */
export type Attributes = Readonly<Record<string, unknown>>;

/**
 * The right to act, given to a driver for one call (rules.md, R5).
 *
 * Everything that reaches hardware goes through {@link Act.write}: it reads the clock and compares the session's
 * deadline and fence in the same synchronous turn as the write. A driver keeps no permission of its own: a check that
 * is older than the write proves nothing.
 */
export interface Act {
  /** Aborts when the operation is cancelled, replaced, or its session may not move any more. A hurry, not the guard. */
  readonly signal: AbortSignal;
  /**
   * Runs `command` at once if this call may still act, and returns what it returns.
   * `command` must reach the hardware synchronously (hand the bytes to the port, set the target): no await inside.
   * @throws VigilError "session_ended" | "fenced" | "stale" if it may not; the driver lets it pass and cleans up
   * without touching the hardware: the guard sends the stop.
   */
  write<T>(command: () => T): T;
  /** How long this call may act at least, in ms from now, if nothing ends it sooner: for devices with a command timeout. */
  validForMs(): number;
  /**
   * Calls resources of other parts on behalf of this call and its session (rules.md, R8): what they move belongs to the
   * same session and stops with it. Valid only while this call runs.
   */
  readonly robot: CallHandler;
}

/** One component or service of a part, as its driver presents it. */
export interface Resource {
  readonly name: string;
  /**
   * Names of resources of the same part that this one moves (a base its motors). They form one motion group with it:
   * a command to one takes all, its stop stops all.
   */
  readonly drives: readonly string[];
  /**
   * Ends all motion, whoever started it. Called by the guard and for a client's Stop; may run while other calls do and
   * more than once at a time. Absent: the resource has no Stop.
   */
  stop?(extra: Attributes): Promise<void>;
  /**
   * For the policy `hold`: ends all motion as `stop` does, and holds where it is, under power, until commanded anew.
   * `isMoving` is true while it still drifts. Absent: `stop` is called instead.
   */
  hold?(): Promise<void>;
  /**
   * For the policy `ramp`: ends the motion under way but leaves the device at its present speed. What it returns commands
   * a fraction of that speed, 1 to 0, through `act`; the guard calls it every few tens of ms, and `stop` at the end.
   * Absent: `stop` is called at once.
   */
  beginRamp?(act: Act): (fraction: number) => Promise<void>;
  /**
   * What stops the hardware past this driver, as data: carried out in this order by the sentinel when the agent is dead
   * or frozen, and by the escalation of a stop (rules.md, R7). Asked again and again, so it must be cheap.
   */
  emergencyStop?(): readonly ByteWrite[];
  /** Ends the driver's process; present where it is one. Its supervisor starts it anew. */
  endProcess?(): Promise<void>;
  /** True while anything of it moves. Absent: it never does. */
  isMoving?(): Promise<boolean>;
  /**
   * Whoever owns its motion may go on for `validForMs` at least. Called about every 50 ms, in the turn in which the
   * guard found so, for as long as it does, also after the call that set it moving has returned (SetPower): a driver
   * whose device has a watchdog feeds it here, at once, and nowhere else but in `act.write`. It must not throw. When
   * the calls cease, the device stops by itself. Absent: its device has none.
   */
  feed?(validForMs: number): void;
  /** What GetStatus answers. Absent: `{ is_moving }` where there is isMoving, else nothing. */
  status?(): Promise<Attributes>;
  /** Shapes in the resource's own frame. Absent: GetGeometries answers UNIMPLEMENTED, as with Viam. */
  geometries?(extra: Attributes): Promise<readonly Shape[]>;
  /** Arbitrary commands of the model; rejects with VigilError("no_method") if the model has none. */
  doCommand(command: Attributes, act: Act): Promise<Attributes>;
  /** Releases what the driver holds. The actuators have been stopped before. */
  close(): Promise<void>;
}

/** A simple solid. Lengths in mm, the centre in the frame of its resource, upright. */
export interface Shape {
  readonly label: string;
  readonly center: { readonly x: number; readonly y: number; readonly z: number };
  readonly solid:
    | { readonly kind: "box"; readonly x: number; readonly y: number; readonly z: number }
    | { readonly kind: "sphere"; readonly radiusMm: number };
}

/** What a model gets to build a resource. */
export interface BuildContext {
  readonly name: string;
  readonly attributes: Attributes;
  /** Resources named in depends_on or by the model's own `dependencies`, already built. Throws when it is not there. */
  dependency<R extends Resource>(name: string): R;
  /** Every resource of the part, now: for the fake camera, which draws the robot. */
  all(): Iterable<Resource>;
  readonly clock: Clock;
  /** Calls resources of other parts on nobody's behalf: reads and Stop only. UNAVAILABLE while the gateway is away. */
  readonly robot: CallHandler;
}

/** A model: how a resource is built from its attributes. */
export interface Model<R extends Resource> {
  /** "fake", "rdk:builtin:fake" or a triplet of its own. */
  readonly names: readonly string[];
  /** Names that these attributes refer to: built first. */
  dependencies(attributes: Attributes): readonly string[];
  /** @throws VigilError("bad_request") that names the attribute and how to mend it. */
  build(context: BuildContext): R;
}
