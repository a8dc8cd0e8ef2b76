import type { GuardedClass } from "@vigil/shared";
import type { StopPlan } from "./stop-plan.js";

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
  /** The client's connection, as the gateway names it. */
  readonly connection: string;
}

/** Who moved a motion group last. */
export interface Owner {
  readonly session: string;
  readonly connection: string;
  readonly endless: boolean;
}

export interface InFlight {
  readonly call: GuardCall;
  aborted: boolean;
}

/** A superseding call that waits for the one before it to settle. */
export interface Successor {
  readonly call: GuardCall;
  readonly giveUpAt: number;
}

/**
 * Resources that move together (a base and its motors): one owner, one stop (rules.md, R5). A resource that drives
 * nothing is a group of its own.
 */
export interface MotionGroup {
  /** Resources in it that can be stopped. */
  readonly stoppable: readonly string[];
  readonly resources: readonly string[];
  owner: Owner | undefined;
  readonly users: Set<string>;
  readonly inFlight: Map<number, InFlight>;
  successor: Successor | undefined;
  /** Not empty: `stopping`. By resource. */
  readonly plans: Map<string, StopPlan>;
  awaitsRearm: boolean;
}

export function createMotionGroup(resources: readonly string[], stoppable: readonly string[]): MotionGroup {
  return {
    resources,
    stoppable,
    owner: undefined,
    users: new Set(),
    inFlight: new Map(),
    successor: undefined,
    plans: new Map(),
    awaitsRearm: false,
  };
}

export const isMotion = (call: GuardCall): boolean => call.class !== "use";

/** Calls in flight that move, not yet aborted or still settling. */
export function motionsInFlight(group: MotionGroup): InFlight[] {
  return [...group.inFlight.values()].filter((entry) => isMotion(entry.call));
}

/** True when the end of this session stops the group: it owns it, or uses it while nobody owns it (R5). */
export function stopsWith(group: MotionGroup, session: string): boolean {
  return group.owner ? group.owner.session === session : group.users.has(session);
}
