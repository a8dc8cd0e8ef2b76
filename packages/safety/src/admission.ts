import { VigilError } from "@vigil/shared";
import { MAX_WAITING_CALLS } from "./bounds.js";
import type { Calls } from "./calls.js";
import type { GuardEffects, RearmReason } from "./guard-events.js";
import { type GuardCall, isMotion, type MotionGroup, motionsInFlight } from "./motion-group.js";
import type { PartSessions } from "./part-sessions.js";
import { endedError, type Permission } from "./permission.js";
import type { Stopping } from "./stopping.js";
import type { Ticks } from "./ticks.js";

/** Which call runs, waits or is refused, and who owns what by it (rules.md, R5). */
export interface Admission {
  request(call: GuardCall, now: number): void;
  /** One more message of a streamed call. False: drop it. */
  messageArrived(callId: number, tick: number, now: number): boolean;
  settled(callId: number, now: number): void;
  cancelled(callId: number, now: number): void;
  /** Lets those calls go on whose session has a lease now. */
  recheckWaiting(now: number): void;
  /** Gives up what has waited too long. */
  poll(now: number): void;
  dueAt(): number;
}

const WAITS_FOR: Readonly<Record<RearmReason, (resource: string) => string>> = {
  loss: (resource) => `${resource} stopped after a lost session and waits to be re-armed by a person`,
  e_stop: (resource) => `the e-stop line of ${resource} was cut: make the machine safe, then re-arm it`,
  restart: (resource) => `${resource} waits to be re-armed by a person: its part ended without having stopped it`,
};

export interface AdmissionParts {
  readonly effects: GuardEffects;
  readonly sessions: PartSessions;
  readonly ticks: Ticks;
  readonly calls: Calls;
  readonly permission: Permission;
  readonly stopping: Stopping;
  readonly groups: readonly MotionGroup[];
  groupOf(resource: string): MotionGroup | undefined;
}

export function createAdmission(
  { effects, sessions, ticks, calls, permission, stopping, groups, groupOf }: AdmissionParts,
  maxCommandAgeMs: () => number,
): Admission {
  const isStale = (tick: number, now: number) => !(ticks.ageMs(tick, now) <= maxCommandAgeMs());
  const staleError = (what: string) =>
    new VigilError("stale", `${what} is older than ${maxCommandAgeMs()} ms: it was delayed on its way; command again`);

  function whyNotIn(group: MotionGroup, { resource }: GuardCall): VigilError | undefined {
    // First, because it lasts longer than a stop: who waits for that alone would be told this next.
    if (group.awaitsRearm) return new VigilError("rearm", WAITS_FOR[group.awaitsRearm](resource));
    if (group.stops.size > 0) {
      const which = [...group.stops.keys()].join(", ");
      return new VigilError("stopping", `${which}: a stop is not acknowledged yet; retry once it has stopped`);
    }
    return undefined;
  }

  /** While it waits here, a Stop that comes aborts it. */
  const isOvertaken = ({ order, resource }: GuardCall) => order > 0 && order < (groupOf(resource)?.stopOrder ?? 0);
  const overtakenError = ({ resource }: GuardCall) =>
    new VigilError("stale", `a later Stop of ${resource} has overtaken the command on its way; command again`);

  function proceed(call: GuardCall, now: number): void {
    const group = groupOf(call.resource);
    if (!group) {
      return calls.refuse(call, new VigilError("no_resource", `this part has no resource named ${call.resource}`));
    }
    const error = permission.whyNot(call, now) ?? whyNotIn(group, call);
    if (error) return calls.refuse(call, error);
    group.admitted += 1;
    if (isMotion(call)) return takeOver(group, call, now);
    // A user takes nothing over (R5).
    if (group.owner?.session !== call.session) group.users.add(call.session);
    calls.start(group, call);
  }

  /** Supersession (R5): the call before it is aborted, and gets its settle bound to let go. */
  function takeOver(group: MotionGroup, call: GuardCall, now: number): void {
    const before = motionsInFlight(group);
    group.owner = { session: call.session, connection: call.connection };
    if (call.class === "move_endless") group.endless.add(call.resource);
    else group.endless.delete(call.resource);
    group.users.delete(call.session);
    if (before.length === 0) return calls.start(group, call);
    const giveUpAt = group.successor?.giveUpAt ?? now + group.settleMs;
    const replaced = "a newer command has taken this one's place";
    calls.dropSuccessor(group, "fenced", replaced);
    calls.follow(group, call, giveUpAt);
    for (const entry of before) calls.abort(entry, new VigilError("fenced", replaced));
  }

  function startSuccessor(group: MotionGroup, now: number): void {
    if (motionsInFlight(group).length > 0) return;
    const call = calls.takeSuccessor(group);
    if (!call) return;
    const error = permission.whyNot(call, now);
    if (!error) return calls.start(group, call);
    calls.refuse(call, error);
    stopping.begin(group, "cancelled", call.session, now);
  }

  /** Ends a call that has not started, wherever it waits. True: it was one. */
  function withdraw(callId: number, now: number, end: (call: GuardCall) => void): boolean {
    const waiting = calls.waiting.get(callId);
    if (waiting) {
      calls.waiting.delete(callId);
      end(waiting);
      return true;
    }
    const group = calls.groupOf(callId);
    if (!group || group.successor?.call.id !== callId) return false;
    const call = calls.takeSuccessor(group)!;
    end(call);
    // The call before it has been aborted for its sake, and what that one moved is nobody's now.
    stopping.begin(group, "cancelled", call.session, now);
    return true;
  }

  function endRunning(callId: number, error: VigilError, now: number): boolean {
    const entry = calls.inFlight(callId);
    if (!entry || entry.aborted) return false;
    calls.abort(entry, error);
    if (isMotion(entry.call)) stopping.begin(calls.groupOf(callId)!, "cancelled", entry.call.session, now);
    return true;
  }

  function hasWaiting(session: string): boolean {
    for (const call of calls.waiting.values()) if (call.session === session) return true;
    return false;
  }

  const admission: Admission = {
    request(call, now) {
      if (sessions.hasEnded(call.session)) return calls.refuse(call, endedError());
      if (isStale(call.tick, now)) return calls.refuse(call, staleError("the command"));
      if (isOvertaken(call)) return calls.refuse(call, overtakenError(call));
      const session = sessions.touch(call.session, call.incarnation, now);
      if (session.incarnation !== call.incarnation) return calls.refuse(call, endedError());
      // Its renewal may be a moment behind it: it waits for the lease, in order, and not for long (R3).
      const mustWait = !permission.isCovered(call, now) && sessions.fence(session) === call.fence;
      if (!mustWait && !hasWaiting(call.session)) return proceed(call, now);
      if (calls.waiting.size >= MAX_WAITING_CALLS) {
        return calls.refuse(
          call,
          new VigilError("limit", "too many commands wait for their session's lease; send fewer at once"),
        );
      }
      calls.waiting.set(call.id, call);
      effects.askLeases();
    },

    messageArrived(callId, tick, now) {
      if (!isStale(tick, now)) return calls.waiting.has(callId) || isLive(callId);
      const error = staleError("a message of the stream");
      if (withdraw(callId, now, (call) => calls.refuse(call, error))) return false;
      const entry = calls.inFlight(callId);
      if (endRunning(callId, error, now)) {
        effects.report({ kind: "refused", reason: "stale", resource: entry!.call.resource });
      }
      return false;
    },

    settled(callId, now) {
      const group = calls.finish(callId);
      if (!group) return;
      if (group.stops.size > 0) stopping.callSettled(group, now);
      else startSuccessor(group, now);
    },

    cancelled(callId, now) {
      const error = new VigilError("cancelled", "the caller gave the command up");
      if (!withdraw(callId, now, (call) => effects.refuse(call, error))) endRunning(callId, error, now);
    },

    recheckWaiting(now) {
      /** Sessions with an older call that goes on waiting: theirs stay in order. */
      const held = new Set<string>();
      for (const [id, call] of [...calls.waiting]) {
        const session = sessions.get(call.session);
        const isFenced = session !== undefined && sessions.fence(session) !== call.fence;
        if (held.has(call.session) || !(permission.isCovered(call, now) || isFenced)) held.add(call.session);
        else if (calls.waiting.delete(id)) proceed(call, now);
      }
    },

    poll(now) {
      for (const group of groups) {
        if (!group.successor || now < group.successor.giveUpAt) continue;
        // The superseded call does not let go: nobody moves this until it has, and it is stopped meanwhile (R5).
        stopping.begin(group, "unsettled", group.successor.call.session, now);
      }
      for (const [id, call] of [...calls.waiting]) {
        if (!isStale(call.tick, now) || !calls.waiting.delete(id)) continue;
        calls.refuse(
          call,
          new VigilError("store_unavailable", "the session had no live lease in time; check client and lease store"),
        );
      }
      admission.recheckWaiting(now);
    },

    dueAt() {
      let due = Infinity;
      for (const { successor } of groups) if (successor) due = Math.min(due, successor.giveUpAt);
      return due;
    },
  };

  function isLive(callId: number): boolean {
    const entry = calls.inFlight(callId);
    return entry ? !entry.aborted : calls.groupOf(callId) !== undefined;
  }
  return admission;
}
