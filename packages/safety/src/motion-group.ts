import type { GuardedClass } from "@vigil/shared";
import type { RearmReason, StopCause } from "./guard-events.js";
import type { StopPlan, StopSettings } from "./stop-plan.js";

/** A call that the guard has admitted or holds back. */
export interface GuardCall {
  /** Unique at this part. */
  readonly id: number;
  readonly resource: string;
  readonly method: string;
  readonly class: GuardedClass;
  readonly session: string;
  readonly incarnation: string;
  readonly fence: string;
  /** The part's newest tick that the gateway had when it relayed the call. */
  readonly tick: number;
  /** The gateway's count of the calls that it admitted; 0: unknown. A command from before a Stop does not begin after it. */
  readonly order: number;
  /** The client's connection, as the gateway names it. */
  readonly connection: string;
}

export interface GuardResource {
  readonly name: string;
  /** Absent: it has no Stop, or its policy is `none`. */
  readonly stop?: StopSettings;
  readonly rearm: "auto" | "manual";
  /** Its driver's own bound for a superseded call to settle, in ms. */
  readonly settleMs: number;
}

/** Who moved a motion group last. */
export interface Owner {
  readonly session: string;
  readonly connection: string;
}

export interface InFlight {
  readonly call: GuardCall;
  aborted: boolean;
}

/** A superseding call that waits for the one before it to settle. */
export interface Successor {
  readonly call: GuardCall;
  /** Counted from the abort of the call before it: a newer successor inherits it. */
  readonly giveUpAt: number;
}

/** A stop under way, and on whose behalf. */
export interface StopRun {
  readonly plan: StopPlan;
  session: string | undefined;
  /** What is reported: a loss stays one, whatever else stops the group meanwhile. */
  cause: StopCause;
  /** Why it was begun the last time. */
  newestCause: StopCause;
  /** How often it was acknowledged while a call in flight could still undo it. */
  repeats: number;
  /** When it is done again for that reason; Infinity: not. */
  repeatAt: number;
}

/**
 * Resources that move together (a base and its motors): one owner, one stop (rules.md, R5). A resource that drives
 * nothing is a group of its own.
 */
export interface MotionGroup {
  readonly resources: readonly string[];
  /** Those of it that can be stopped, and how. */
  readonly stoppable: ReadonlyMap<string, StopSettings>;
  readonly rearm: "auto" | "manual";
  /** The longest of its drivers' bounds, in ms. */
  readonly settleMs: number;
  owner: Owner | undefined;
  /**
   * Resources whose last motion has no end of its own, since the last stop: motion of another resource of the group
   * leaves them moving (R1).
   */
  readonly endless: Set<string>;
  readonly users: Set<string>;
  readonly inFlight: Map<number, InFlight>;
  successor: Successor | undefined;
  /** By resource. Not empty: `stopping`. */
  readonly stops: Map<string, StopRun>;
  awaitsRearm: RearmReason | undefined;
  /** Counts the calls that were admitted. */
  admitted: number;
  /** Newest Stop of a client here, in the gateway's count of the calls that it admitted; 0: none on this link. */
  stopOrder: number;
}

export function createMotionGroup(members: readonly GuardResource[]): MotionGroup {
  const stoppable = new Map<string, StopSettings>();
  for (const { name, stop } of members) if (stop) stoppable.set(name, stop);
  return {
    resources: members.map(({ name }) => name),
    stoppable,
    rearm: members.some(({ rearm }) => rearm === "manual") ? "manual" : "auto",
    settleMs: Math.max(...members.map(({ settleMs }) => settleMs)),
    owner: undefined,
    endless: new Set(),
    users: new Set(),
    inFlight: new Map(),
    successor: undefined,
    stops: new Map(),
    awaitsRearm: undefined,
    admitted: 0,
    stopOrder: 0,
  };
}

export const isMotion = (call: GuardCall): boolean => call.class !== "use";

/** Nobody moves it any more. */
export function disown(group: MotionGroup): void {
  group.owner = undefined;
  group.endless.clear();
  group.users.clear();
}

/** Calls in flight that move, not yet aborted or still settling. */
export function motionsInFlight(group: MotionGroup): InFlight[] {
  return [...group.inFlight.values()].filter(({ call }) => isMotion(call));
}

/**
 * True while a call in flight keeps the group `stopping` (R5): what moved it, or was aborted, may still act on the bus.
 * A live session's call of another kind does not: it could run for hours, and its writes are refused meanwhile.
 */
export function isSettling(group: MotionGroup): boolean {
  for (const { call, aborted } of group.inFlight.values()) if (aborted || isMotion(call)) return true;
  return false;
}

/** True when the end of this session stops the group: it owns it, or uses it while nobody owns it (R5). */
export function stopsWith(group: MotionGroup, session: string): boolean {
  return group.owner ? group.owner.session === session : group.users.has(session);
}

/**
 * Every session that has a hand in the group: what it does there must end with its lease. Some stand twice. Asked of all
 * groups at every input: a list costs a third of a generator.
 */
export function sessionsOf(group: MotionGroup): string[] {
  const sessions = group.owner ? [group.owner.session, ...group.users] : [...group.users];
  for (const { call, aborted } of group.inFlight.values()) if (!aborted) sessions.push(call.session);
  if (group.successor) sessions.push(group.successor.call.session);
  return sessions;
}
