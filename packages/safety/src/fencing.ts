import { type Reason, VigilError } from "@vigil/shared";
import type { Calls } from "./calls.js";
import type { GuardEffects, StopCause } from "./guard-events.js";
import { type MotionGroup, sessionsOf, stopsWith } from "./motion-group.js";
import { leaseOf, type PartSession, type PartSessions } from "./part-sessions.js";
import { endedError } from "./permission.js";
import type { Stopping } from "./stopping.js";

/** Taking a session's right to act away: fence, then abort, then stop, in this order (rules.md, R4 to R6; P3). */
export interface Fencing {
  /** The session is over at this part, for good (R4). */
  end(session: PartSession, now: number): void;
  /** Stops what the session moves here; it lives, and its next commands carry the new fence (R4). */
  suspend(session: PartSession, cause: "lapsed" | "gateway", now: number): void;
  /** Suspends every session, known here or not. For `clock` everything stops, also what nobody owns (R5). */
  suspendAll(cause: "link" | "clock", now: number): void;
  /** Fences the sessions whose lease has run out, and ends endless motion of quiet clients (R1, R3). */
  lapse(now: number): void;
  /** When `lapse` has something to do next. */
  lapseDueAt(): number;
}

/** What a suspension answers to the calls that it ends: UNAVAILABLE, as R4 has it. */
const SUSPENDED: Readonly<Record<"lapsed" | "gateway" | "link" | "clock", readonly [Reason, string]>> = {
  lapsed: ["store_unavailable", "its lease has run out at this part"],
  gateway: ["part_offline", "the gateway has suspended it"],
  link: ["part_offline", "this part has lost its link to the gateway"],
  clock: ["part_offline", "this part was paused"],
};

export function createFencing(
  effects: GuardEffects,
  sessions: PartSessions,
  calls: Calls,
  stopping: Stopping,
  groups: readonly MotionGroup[],
): Fencing {
  const suspendedError = (cause: keyof typeof SUSPENDED): VigilError => {
    const [reason, why] = SUSPENDED[cause];
    return new VigilError(reason, `the session was suspended here: ${why}; command again`);
  };

  function report(session: string | undefined, cause: StopCause, now: number, operationsCancelled: number): void {
    effects.report({
      kind: "fenced",
      session,
      fence: session === undefined ? "" : sessions.fence({ id: session }),
      generation: sessions.generation,
      cause,
      final: cause === "ended",
      at: now,
      operationsCancelled,
    });
  }

  /** Aborts and stops what the session has here; its fence is up already. */
  function cutOff(id: string, cause: StopCause, error: VigilError, now: number): void {
    const cancelled = calls.abortWhere((call) => call.session === id, error);
    report(id, cause, now, cancelled);
    for (const group of groups) {
      if (stopsWith(group, id)) stopping.begin(group, cause, id, now);
      else group.users.delete(id);
    }
  }

  function stopQuiet(group: MotionGroup, session: string, now: number): void {
    const error = new VigilError("fenced", "its client has been quiet for too long; command again");
    for (const entry of [...group.inFlight.values()]) {
      if (entry.call.session === session) calls.abort(entry, error);
    }
    stopping.begin(group, "quiet", session, now);
  }

  function activeSessions(): Set<string> {
    const active = new Set<string>();
    for (const group of groups) for (const id of sessionsOf(group)) active.add(id);
    return active;
  }

  /** Of the active ones. Nothing is active without a lease; should it ever be, it has lapsed. */
  function lapsedSessions(now: number): Set<PartSession> {
    const lapsed = new Set<PartSession>();
    for (const group of groups) {
      for (const id of sessionsOf(group)) {
        const session = sessions.get(id);
        const lease = session && leaseOf(session);
        if (session && !(lease && now < lease.moveDeadline)) lapsed.add(session);
      }
    }
    return lapsed;
  }

  return {
    end(session, now) {
      sessions.end(session.id);
      cutOff(session.id, "ended", endedError(), now);
    },
    suspend(session, cause, now) {
      sessions.raiseFence(session);
      cutOff(session.id, cause, suspendedError(cause), now);
    },
    suspendAll(cause, now) {
      const cancelled = new Map<string, number>();
      for (const id of activeSessions()) cancelled.set(id, 0);
      sessions.raiseGeneration(now);
      const total = calls.abortWhere((call) => {
        cancelled.set(call.session, (cancelled.get(call.session) ?? 0) + 1);
        return true;
      }, suspendedError(cause));
      report(undefined, cause, now, total);
      // One by one too: what they move on other parts may have to stop with it (R4).
      for (const [id, count] of cancelled) report(id, cause, now, count);
      for (const group of groups) {
        const [user] = group.users;
        const mover = group.owner?.session ?? user;
        if (cause === "clock" || mover !== undefined) stopping.begin(group, cause, mover, now);
      }
    },
    lapse(now) {
      for (const session of lapsedSessions(now)) this.suspend(session, "lapsed", now);
      for (const group of groups) {
        if (!group.owner || group.endless.size === 0) continue;
        const session = sessions.get(group.owner.session);
        const lease = session && leaseOf(session);
        if (session && !(lease && now < lease.quietDeadline)) stopQuiet(group, session.id, now);
      }
    },
    lapseDueAt() {
      let due = Infinity;
      for (const group of groups) {
        for (const id of sessionsOf(group)) {
          const lease = sessions.get(id)?.lease;
          if (lease) due = Math.min(due, lease.moveDeadline);
          if (lease && group.endless.size > 0 && group.owner?.session === id) due = Math.min(due, lease.quietDeadline);
        }
      }
      return due;
    },
  };
}
