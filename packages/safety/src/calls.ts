import { type Reason, VigilError } from "@vigil/shared";
import type { GuardEffects } from "./guard-events.js";
import type { GuardCall, InFlight, MotionGroup } from "./motion-group.js";

/** The calls that a part holds: those that wait for their session's lease, those in flight, and their successors. */
export interface Calls {
  /** Calls that wait for an answer about their session, oldest first. */
  readonly waiting: Map<number, GuardCall>;
  /** The group of a call that runs or waits for the one before it. */
  groupOf(callId: number): MotionGroup | undefined;
  /** The call while its handler runs. */
  inFlight(callId: number): InFlight | undefined;
  start(group: MotionGroup, call: GuardCall): void;
  /** The call's handler has returned. Undefined: it was not running. */
  finish(callId: number): MotionGroup | undefined;
  follow(group: MotionGroup, call: GuardCall, giveUpAt: number): void;
  /** Takes the successor out, to be started or forgotten. */
  takeSuccessor(group: MotionGroup): GuardCall | undefined;
  /** Refuses a call, which is in none of the books (any more). */
  refuse(call: GuardCall, error: VigilError): void;
  dropSuccessor(group: MotionGroup, reason: Reason, message: string): void;
  abort(entry: InFlight, error: VigilError): void;
  /** Refuses what waits and aborts what runs; how many they were. */
  abortWhere(matches: (call: GuardCall) => boolean, error: VigilError): number;
}

export function createCalls(effects: GuardEffects, groups: readonly MotionGroup[]): Calls {
  const waiting = new Map<number, GuardCall>();
  const groupOfCall = new Map<number, MotionGroup>();

  const calls: Calls = {
    waiting,
    groupOf: (callId) => groupOfCall.get(callId),
    inFlight: (callId) => groupOfCall.get(callId)?.inFlight.get(callId),
    start(group, call) {
      group.inFlight.set(call.id, { call, aborted: false });
      groupOfCall.set(call.id, group);
      effects.start(call);
    },
    finish(callId) {
      const group = groupOfCall.get(callId);
      if (!group?.inFlight.delete(callId)) return undefined;
      groupOfCall.delete(callId);
      return group;
    },
    follow(group, call, giveUpAt) {
      group.successor = { call, giveUpAt };
      groupOfCall.set(call.id, group);
    },
    takeSuccessor(group) {
      const call = group.successor?.call;
      group.successor = undefined;
      if (call) groupOfCall.delete(call.id);
      return call;
    },
    refuse(call, error) {
      effects.report({ kind: "refused", reason: error.reason, resource: call.resource });
      effects.refuse(call, error);
    },
    dropSuccessor(group, reason, message) {
      const call = calls.takeSuccessor(group);
      if (call) calls.refuse(call, new VigilError(reason, message));
    },
    abort(entry, error) {
      if (entry.aborted) return;
      entry.aborted = true;
      effects.abort(entry.call, error);
    },
    abortWhere(matches, error) {
      let count = 0;
      for (const [id, call] of [...waiting]) {
        if (!matches(call) || !waiting.delete(id)) continue;
        calls.refuse(call, error);
        count += 1;
      }
      for (const group of groups) {
        if (group.successor && matches(group.successor.call)) {
          calls.dropSuccessor(group, error.reason, error.message);
          count += 1;
        }
        for (const entry of [...group.inFlight.values()]) {
          if (entry.aborted || !matches(entry.call)) continue;
          calls.abort(entry, error);
          count += 1;
        }
      }
      return count;
    },
  };
  return calls;
}
