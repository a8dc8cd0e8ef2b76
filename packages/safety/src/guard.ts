import { VigilError } from "@vigil/shared";
import { createAdmission } from "./admission.js";
import { DEFAULT_MAX_COMMAND_AGE_MS, IDLE_SESSION_MS, LATE_TICK_MS, MAX_ASKED_SESSIONS, TICK_MS } from "./bounds.js";
import { createCalls } from "./calls.js";
import { createFencing } from "./fencing.js";
import type { GuardEffects, RearmReason } from "./guard-events.js";
import type { LeaseFacts } from "./lease-view.js";
import { createLinkEvidence } from "./link-evidence.js";
import { createMotionGroup, disown, type GuardCall, type GuardResource, sessionsOf } from "./motion-group.js";
import { createPartSessions, type PartSession } from "./part-sessions.js";
import { createPermission } from "./permission.js";
import { createStopping } from "./stopping.js";
import { createTicks } from "./ticks.js";

export interface GuardOptions {
  /** Random per start of the part. */
  readonly bootId: string;
  /** Motion groups: each a list of resources that move together. */
  readonly groups: readonly (readonly GuardResource[])[];
  readonly maxCommandAgeMs?: number;
  /** The window that this part assumes for its link's freshness before a lease has told it, in ms. */
  readonly windowMs: number;
}

/** An answer of the store about one session; `facts` undefined: the store does not know it. */
export interface LeaseAnswerFacts {
  readonly id: string;
  readonly facts: LeaseFacts | undefined;
}

export interface GroupState {
  readonly resources: readonly string[];
  readonly owner: string | undefined;
  readonly users: readonly string[];
  readonly stopping: boolean;
  /** Undefined: it does not wait for a person. */
  readonly awaitsRearm: RearmReason | undefined;
  readonly callsInFlight: number;
}

/**
 * The last word on whether an actuator of this part may move (rules.md, R3 to R7). No I/O, no clock: each input
 * carries the part's time, and every input first notices how much of it has passed.
 */
export interface Guard {
  // Calls
  /** A call asks to run. It starts, waits or is refused, now or later, through the effects. */
  request(call: GuardCall, now: number): void;
  /** Why the call may not act at this instant; undefined: it may. To be asked in the same turn as each write (R5). */
  mayAct(callId: number, now: number): VigilError | undefined;
  /** One more message of a streamed call came, with this tick: a stale one aborts the call. False: drop the message. */
  messageArrived(callId: number, tick: number, now: number): boolean;
  /** The call's handler has returned, however it ended. */
  settled(callId: number, now: number): void;
  /** The caller gave it up (cancel, deadline). What it moved is stopped. */
  cancelled(callId: number, now: number): void;
  /** How long the call may act at least, in ms; 0: not any more. */
  validForMs(callId: number, now: number): number;
  /**
   * How long the motion of whoever owns the resource may go on at least, in ms: for the watchdogs of devices. 0: nobody
   * owns it, or it is being stopped, or waits to be re-armed.
   */
  ownerValidForMs(resource: string, now: number): number;

  // Evidence
  /** The store has answered the question that was asked at `askedAt`. */
  leasesAnswered(askedAt: number, incarnation: string, answers: readonly LeaseAnswerFacts[], now: number): void;
  /** A challenge over the link that carries the commands was answered; it had been sent at `sentAt`. */
  linkAlive(sentAt: number, now: number): void;
  linkLost(now: number): void;
  /** From now on commands that are older than this are refused, in ms: the gateway's configuration says so. */
  limitCommandAge(maxMs: number): void;

  // Ends and stops
  /** Pushed: the session has ended. */
  sessionEnded(session: string, now: number): void;
  /** Pushed: stop what it moves; the session lives. */
  suspend(session: string, now: number): void;
  /** The client's connection is closed: what it commanded last stops, whether its session lives or not (R6). */
  connectionClosed(connection: string, now: number): void;
  /**
   * A client's Stop of one resource is about to run: whatever runs or waits in its group is aborted. Owner and users
   * stay until the Stop has returned: should it fail or hang, their end stops the resource again. A command that was
   * admitted before it (`order`, as in GuardCall) and comes after it is refused.
   * @returns the token for `clientStopped`.
   */
  clientStop(resource: string, order: number, now: number): number;
  /** The client's Stop has returned well: unless it was commanded anew meanwhile, the resource has no owner now (R5). */
  clientStopped(resource: string, token: number, now: number): void;
  /** Stops everything, also what nobody moves: at start, for StopAll, at shutdown. */
  stopAll(cause: "startup" | "stop_all" | "shutdown", now: number): void;
  /**
   * Stops one resource whose hold has lasted long enough; what moves with it goes on holding. Its group takes no motion
   * until that is acknowledged. Nothing happens to a resource that cannot be stopped.
   */
  stopResource(resource: string, cause: "released", now: number): void;
  stopAcknowledged(resource: string, attempt: number, now: number): void;
  stopFailed(resource: string, attempt: number, now: number): void;
  /** From now on only a person lets the resource's group move again, whatever its `rearm` says. What moves it stops. */
  requireRearm(resource: string, reason: RearmReason, now: number): void;
  /** Why the resource's group waits for a person; undefined: it does not. */
  awaitsRearm(resource: string): RearmReason | undefined;
  /** A person re-arms the resource's group. False: it did not wait for it. */
  rearm(resource: string, now: number): boolean;
  /** The boot-time clock has stepped against the monotonic one: the machine slept. */
  clockStepped(now: number): void;

  // Time
  /** Every TICK_MS: numbers the time. Returns the tick to send to the gateway. */
  tick(now: number): number;
  /** Does what is due. Call it at `dueAt()`, or earlier. */
  poll(now: number): void;
  dueAt(): number;

  // Views
  /** Sessions to ask the store about. */
  sessionsToAsk(now: number): string[];
  /** The shortest window among the leases known here, in ms. */
  windowMs(): number;
  generation(): number;
  groups(): readonly GroupState[];
  /** True when no stop is outstanding. */
  settledDown(): boolean;
}

export function createGuard(effects: GuardEffects, options: GuardOptions): Guard {
  const sessions = createPartSessions(options.bootId);
  const ticks = createTicks();
  const link = createLinkEvidence();
  const groups = options.groups.map(createMotionGroup);
  const groupByResource = new Map(groups.flatMap((group) => group.resources.map((name) => [name, group] as const)));
  const calls = createCalls(effects, groups);
  const permission = createPermission(sessions, link, options);
  const stopping = createStopping(effects, calls, groups);
  const fencing = createFencing(effects, sessions, calls, stopping, groups);
  const groupOf = (resource: string) => groupByResource.get(resource);
  let maxCommandAgeMs = options.maxCommandAgeMs ?? DEFAULT_MAX_COMMAND_AGE_MS;
  const admission = createAdmission(
    { effects, sessions, ticks, calls, permission, stopping, groups, groupOf },
    () => maxCommandAgeMs,
  );
  /** The data set that answered last (R4), and when that answer's question was asked. */
  let incarnation: string | undefined;
  let newestAskedAt = -Infinity;
  let linkWasFresh = false;
  let lastTickAt: number | undefined;

  /** Every input passes here first: a pause or a lapse acts before what was queued behind it (R5). */
  function notice(now: number): void {
    lastTickAt ??= now;
    if (now - lastTickAt > TICK_MS + LATE_TICK_MS) clockFence(now);
    if (linkWasFresh && !link.isFresh(permission.windowMs(), now)) {
      linkWasFresh = false;
      fencing.suspendAll("link", now);
    }
    fencing.lapse(now);
  }

  /** What was asked or sent before the gap says nothing about what lives after it: ask anew, then serve (R5). */
  function clockFence(now: number): void {
    lastTickAt = now;
    link.distrust(now);
    linkWasFresh = false;
    fencing.suspendAll("clock", now);
  }

  function isInUse({ id, lastUsedAt, fences }: PartSession, now: number): boolean {
    // A raised fence must outlive the rest, or an old command would match again: it stays until the session's end.
    if (fences > 0 || now - lastUsedAt < IDLE_SESSION_MS) return true;
    for (const group of groups) if (sessionsOf(group).includes(id)) return true;
    for (const call of calls.waiting.values()) if (call.session === id) return true;
    return false;
  }

  /** R4: another data set ends all that this part has known under the old one. */
  function meetDataSet(answered: string, now: number): void {
    if (incarnation === answered) return;
    incarnation = answered;
    for (const session of [...sessions.all()]) {
      if (session.lease && session.incarnation !== answered) fencing.end(session, now);
    }
  }

  function takeAnswer({ id, facts }: LeaseAnswerFacts, askedAt: number, answered: string, now: number): void {
    const session = sessions.get(id);
    if (!session) return;
    if (session.incarnation === undefined) {
      // Only suspended here, never used. Its lease may be gone, or not written yet: its fence stays for as long as a
      // command may be on its way that waits for that.
      if (!facts && now - session.lastUsedAt >= IDLE_SESSION_MS) sessions.forget(id);
    } else if (session.incarnation !== answered) {
      // A data set other than the one it stands in can neither keep it alive nor end it.
      return;
    } else if (!facts) fencing.end(session, now);
    else sessions.fold(session, facts, askedAt);
  }

  const guard: Guard = {
    request(call, now) {
      notice(now);
      admission.request(call, now);
    },
    mayAct(callId, now) {
      notice(now);
      const entry = calls.inFlight(callId);
      if (!entry || entry.aborted) return new VigilError("fenced", "this call is over");
      if (calls.groupOf(callId)!.stops.size > 0) {
        return new VigilError("stopping", `${entry.call.resource} is being stopped; retry once it has stopped`);
      }
      return permission.whyNot(entry.call, now);
    },
    messageArrived(callId, tick, now) {
      notice(now);
      return admission.messageArrived(callId, tick, now);
    },
    settled(callId, now) {
      notice(now);
      admission.settled(callId, now);
    },
    cancelled(callId, now) {
      notice(now);
      admission.cancelled(callId, now);
    },
    validForMs(callId, now) {
      if (guard.mayAct(callId, now)) return 0;
      return Math.max(0, permission.until(calls.inFlight(callId)!.call) - now);
    },

    ownerValidForMs(resource, now) {
      notice(now);
      const group = groupOf(resource);
      if (!group?.owner || group.stops.size > 0 || group.awaitsRearm) return 0;
      return Math.max(0, permission.sessionUntil(group.owner.session, group.endless.size > 0) - now);
    },

    leasesAnswered(askedAt, answered, answers, now) {
      notice(now);
      // An old packet of a data set that has answered since with another name (R4).
      if (askedAt < newestAskedAt && answered !== incarnation) return;
      newestAskedAt = Math.max(newestAskedAt, askedAt);
      meetDataSet(answered, now);
      for (const answer of answers) takeAnswer(answer, askedAt, answered, now);
      notice(now);
      admission.recheckWaiting(now);
    },
    linkAlive(sentAt, now) {
      notice(now);
      link.alive(sentAt);
      linkWasFresh = link.isFresh(permission.windowMs(), now);
    },
    linkLost(now) {
      notice(now);
      link.distrust(now);
      // The next gateway counts anew, and nothing comes any more that this one has sent.
      for (const group of groups) group.stopOrder = 0;
      // The next link knows the generation alone: no fence of its own may be left that it would not know of.
      const fenced = [...sessions.all()].some(({ fences }) => fences > 0);
      if (linkWasFresh || fenced) fencing.suspendAll("link", now);
      linkWasFresh = false;
    },

    limitCommandAge(maxMs) {
      maxCommandAgeMs = maxMs;
    },

    sessionEnded(id, now) {
      notice(now);
      const session = sessions.get(id);
      if (session) fencing.end(session, now);
      else sessions.end(id);
    },
    suspend(id, now) {
      notice(now);
      if (sessions.hasEnded(id)) return;
      // Also when no call of it has come yet: one may be on its way behind this (R4).
      fencing.suspend(sessions.touch(id, undefined, now), "gateway", now);
    },
    connectionClosed(connection, now) {
      notice(now);
      calls.abortWhere(
        (call) => call.connection === connection,
        new VigilError("cancelled", "its connection was closed"),
      );
      // R6: the connection that carried the last motion, whether the session lives on elsewhere or not.
      for (const group of groups) {
        if (group.owner?.connection === connection) stopping.begin(group, "connection", group.owner.session, now);
      }
    },
    clientStop(resource, order, now) {
      notice(now);
      const group = groupOf(resource);
      if (!group) return 0;
      group.stopOrder = Math.max(group.stopOrder, order);
      const couldMove = group.inFlight.size > 0 || group.successor !== undefined;
      // The client's own Stop reaches one resource; whatever moves with it stops too.
      const movesMore = group.stoppable.size > 1 && (group.owner !== undefined || group.users.size > 0);
      calls.abortWhere(
        (call) => groupOf(call.resource) === group,
        new VigilError("cancelled", "the resource was told to stop"),
      );
      if (couldMove || movesMore) stopping.begin(group, "client_stop", undefined, now);
      return group.admitted;
    },
    clientStopped(resource, token, now) {
      notice(now);
      const group = groupOf(resource);
      // What was admitted while that Stop ran has a new owner, or a new user.
      if (group?.admitted === token) disown(group);
    },
    stopAll(cause, now) {
      notice(now);
      calls.abortWhere(() => true, new VigilError("cancelled", "everything was told to stop"));
      for (const group of groups) stopping.begin(group, cause, group.owner?.session, now);
    },
    stopResource(resource, cause, now) {
      notice(now);
      const group = groupOf(resource);
      if (group) stopping.beginOne(group, resource, cause, now);
    },
    stopAcknowledged(resource, attempt, now) {
      notice(now);
      const group = groupOf(resource);
      if (group) stopping.acknowledged(group, resource, attempt, now);
    },
    stopFailed(resource, attempt, now) {
      notice(now);
      const group = groupOf(resource);
      if (group) stopping.failed(group, resource, attempt, now);
    },
    requireRearm(resource, reason, now) {
      notice(now);
      const group = groupOf(resource);
      if (!group) return;
      // A cut line says more than a lost session does: it has to be closed by hand.
      if (group.awaitsRearm !== "e_stop") group.awaitsRearm = reason;
      const couldMove = group.owner !== undefined || group.users.size > 0 || group.inFlight.size > 0;
      if (group.stops.size === 0 && couldMove) stopping.begin(group, "unsettled", group.owner?.session, now);
    },
    awaitsRearm: (resource) => groupOf(resource)?.awaitsRearm,
    rearm(resource, now) {
      notice(now);
      const group = groupOf(resource);
      if (!group?.awaitsRearm) return false;
      group.awaitsRearm = undefined;
      return true;
    },
    clockStepped(now) {
      notice(now);
      clockFence(now);
    },

    tick(now) {
      notice(now);
      lastTickAt = now;
      return ticks.next(now);
    },
    poll(now) {
      notice(now);
      stopping.poll(now);
      admission.poll(now);
      for (const session of [...sessions.all()]) if (!isInUse(session, now)) sessions.forget(session.id);
    },
    dueAt: () =>
      Math.min(
        linkWasFresh ? link.freshUntil(permission.windowMs()) : Infinity,
        fencing.lapseDueAt(),
        stopping.dueAt(),
        admission.dueAt(),
      ),

    sessionsToAsk(now) {
      const inUse = [...sessions.all()].filter((session) => isInUse(session, now));
      // What was used last comes first: what moves something is among it.
      if (inUse.length > MAX_ASKED_SESSIONS) inUse.sort((a, b) => b.lastUsedAt - a.lastUsedAt);
      return inUse.slice(0, MAX_ASKED_SESSIONS).map(({ id }) => id);
    },
    windowMs: permission.windowMs,
    generation: () => sessions.generation,
    groups: () =>
      groups.map((group) => ({
        resources: group.resources,
        owner: group.owner?.session,
        users: [...group.users],
        stopping: group.stops.size > 0,
        awaitsRearm: group.awaitsRearm,
        callsInFlight: group.inFlight.size,
      })),
    settledDown: () => !stopping.isUnderWay(),
  };
  return guard;
}
