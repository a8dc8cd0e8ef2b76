import { type Reason, SESSION_EXPIRED, VigilError } from "@vigil/shared";
import {
  DEFAULT_MAX_COMMAND_AGE_MS,
  IDLE_SESSION_MS,
  LATE_TICK_MS,
  LINK_FRESH_MS,
  MAX_WAITING_CALLS,
  TICK_MS,
} from "./bounds.js";
import type { LeaseFacts } from "./lease-view.js";
import {
  createMotionGroup,
  type GuardCall,
  type InFlight,
  isMotion,
  type MotionGroup,
  motionsInFlight,
  stopsWith,
} from "./motion-group.js";
import { createPartSessions, type PartSession } from "./part-sessions.js";
import { createStopPlan, type StopOutcome, type StopPlan, type StopSettings } from "./stop-plan.js";
import { createTicks } from "./ticks.js";

/** Why a part fenced a session, or stopped a group. */
export type StopCause =
  | "startup"
  | "lapsed"
  | "ended"
  | "link"
  | "clock"
  | "gateway"
  | "quiet"
  | "connection"
  | "cancelled"
  | "unsettled"
  | "client_stop"
  | "stop_all"
  | "shutdown";

/** Causes after which a group set to manual re-arm waits for a person: the loss of who moved it. */
const LOSSES: ReadonlySet<StopCause> = new Set(["lapsed", "ended", "link", "clock", "gateway", "quiet", "connection"]);

export interface GuardResource {
  readonly name: string;
  /** Absent: it has no Stop, or its policy is `none`. */
  readonly stop?: StopSettings;
  readonly rearm: "auto" | "manual";
  /** Its driver's own bound for a superseded call to settle, in ms. */
  readonly settleMs: number;
}

export interface GuardOptions {
  /** Random per start of the part. */
  readonly bootId: string;
  /** Motion groups: each a list of resources that move together. */
  readonly groups: readonly (readonly GuardResource[])[];
  readonly maxCommandAgeMs?: number;
  /** The window that this part assumes for its link's freshness before a lease has told it, in ms. */
  readonly windowMs: number;
}

/** What happened, for the gateway, the metrics and the timeline. Instants by the part's clock. */
export type GuardEvent =
  | {
      readonly kind: "fenced";
      /** Undefined: every session of the part. */
      readonly session: string | undefined;
      /** The session's fence from now on; the generation's for all. */
      readonly fence: string;
      readonly generation: number;
      readonly cause: StopCause;
      readonly final: boolean;
      readonly at: number;
      readonly operationsCancelled: number;
    }
  | {
      readonly kind: "stop";
      /** Undefined: the stop belongs to no session (start, client's Stop). */
      readonly session: string | undefined;
      readonly cause: StopCause;
      readonly resource: string;
      readonly sentAt: number;
      readonly acknowledgedAt: number | undefined;
      readonly attempts: number;
      readonly outcome: StopOutcome;
    }
  | { readonly kind: "refused"; readonly reason: Reason; readonly resource: string };

/** What the guard asks for. It is never answered synchronously: answers come as later inputs. */
export interface GuardEffects {
  /** Run the call's handler now. */
  start(call: GuardCall): void;
  /** The call is refused; its handler never runs. */
  refuse(call: GuardCall, error: VigilError): void;
  /** Abort a running call and answer its caller with `error`; tell `settled` when its handler has returned. */
  abort(call: GuardCall, error: VigilError): void;
  /** Carry out the resource's stop policy once, then tell `stopAcknowledged` or `stopFailed`. */
  stop(resource: string, attempt: number): void;
  /** The resource's escalation is due. */
  escalate(resource: string): void;
  /** Ask the store now rather than at the next turn: a call waits for it. */
  askLeases(): void;
  report(event: GuardEvent): void;
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
  readonly awaitsRearm: boolean;
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

  // Evidence
  /** The store has answered the question that was asked at `askedAt`. */
  leasesAnswered(askedAt: number, incarnation: string, answers: readonly LeaseAnswerFacts[], now: number): void;
  /** A challenge over the link that carries the commands was answered; it had been sent at `sentAt`. */
  linkAlive(sentAt: number, now: number): void;
  linkLost(now: number): void;

  // Ends and stops
  /** Pushed: the session has ended. */
  sessionEnded(session: string, now: number): void;
  /** Pushed: stop what it moves; the session lives. */
  suspend(session: string, now: number): void;
  /** The client's connection is closed: what it commanded last stops, whether its session lives or not (R6). */
  connectionClosed(connection: string, now: number): void;
  /** A client's Stop of one resource is about to run: its group loses owner and users, running motion is aborted. */
  clientStop(resource: string, now: number): void;
  /** Stops everything, also what nobody moves: at start, for StopAll, at shutdown. */
  stopAll(cause: "startup" | "stop_all" | "shutdown", now: number): void;
  stopAcknowledged(resource: string, attempt: number, now: number): void;
  stopFailed(resource: string, attempt: number, now: number): void;
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

interface StopRun {
  readonly plan: StopPlan;
  readonly session: string | undefined;
  readonly cause: StopCause;
}

export function createGuard(effects: GuardEffects, options: GuardOptions): Guard {
  const maxCommandAgeMs = options.maxCommandAgeMs ?? DEFAULT_MAX_COMMAND_AGE_MS;
  const sessions = createPartSessions(options.bootId);
  const ticks = createTicks();
  const settings = new Map<string, GuardResource>();
  const groups: MotionGroup[] = [];
  const groupOf = new Map<string, MotionGroup>();
  const stops = new Map<string, StopRun>();
  /** Calls that wait for the first answer about their session. */
  const waiting = new Map<number, GuardCall>();
  const callGroups = new Map<number, MotionGroup>();
  let incarnation: string | undefined;
  let linkEvidenceAt = -Infinity;
  let linkWasFresh = false;
  let lastTickAt: number | undefined;

  for (const members of options.groups) {
    const stoppable = members.filter((resource) => resource.stop).map((resource) => resource.name);
    const group = createMotionGroup(
      members.map((resource) => resource.name),
      stoppable,
    );
    groups.push(group);
    for (const resource of members) {
      settings.set(resource.name, resource);
      groupOf.set(resource.name, group);
    }
  }

  const windowMs = () => {
    let shortest = options.windowMs;
    for (const { lease } of sessions.all()) if (lease) shortest = Math.min(shortest, lease.windowMs);
    return shortest;
  };
  const linkFreshUntil = () => linkEvidenceAt + Math.min(windowMs(), LINK_FRESH_MS);

  // ---- refusing and aborting

  function refuse(call: GuardCall, reason: Reason, message: string): void {
    effects.report({ kind: "refused", reason, resource: call.resource });
    effects.refuse(call, new VigilError(reason, message));
  }

  function abort(entry: InFlight, error: VigilError): void {
    if (entry.aborted) return;
    entry.aborted = true;
    effects.abort(entry.call, error);
  }

  function dropSuccessor(group: MotionGroup, reason: Reason, message: string): void {
    const successor = group.successor;
    if (!successor) return;
    group.successor = undefined;
    callGroups.delete(successor.call.id);
    refuse(successor.call, reason, message);
  }

  const endedError = () => new VigilError("session_ended", SESSION_EXPIRED);
  const fencedError = (why: string) => new VigilError("fenced", `the command's session may not move this part: ${why}`);

  // ---- stopping

  function beginStop(group: MotionGroup, cause: StopCause, session: string | undefined, now: number): void {
    group.owner = undefined;
    group.users.clear();
    dropSuccessor(group, "stopping", "the resource is being stopped; send the command again once it has stopped");
    if (LOSSES.has(cause) && group.resources.some((name) => settings.get(name)?.rearm === "manual")) {
      group.awaitsRearm = true;
    }
    for (const resource of group.stoppable) {
      const running = stops.get(resource);
      if (running) {
        running.plan.again(now);
        continue;
      }
      const plan = createStopPlan(
        settings.get(resource)!.stop!,
        {
          attempt: (attempt) => effects.stop(resource, attempt),
          escalate: () => effects.escalate(resource),
          gaveWarning: () => reportStop(resource),
          acknowledged: () => {},
        },
        now,
      );
      stops.set(resource, { plan, session, cause });
      group.plans.set(resource, plan);
    }
  }

  function reportStop(resource: string): void {
    const run = stops.get(resource);
    if (!run) return;
    const { plan, session, cause } = run;
    effects.report({
      kind: "stop",
      session,
      cause,
      resource,
      sentAt: plan.startedAt,
      acknowledgedAt: plan.acknowledgedAt,
      attempts: plan.attempts,
      outcome: plan.outcome,
    });
  }

  /** A group leaves `stopping` when nothing is in flight and each of its stops is acknowledged (R5). */
  function finishStop(group: MotionGroup): void {
    if (group.plans.size === 0 || group.inFlight.size > 0) return;
    for (const plan of group.plans.values()) if (plan.acknowledgedAt === undefined) return;
    for (const resource of group.plans.keys()) {
      reportStop(resource);
      stops.delete(resource);
    }
    group.plans.clear();
  }

  // ---- fencing

  function abortCalls(matches: (call: GuardCall) => boolean, error: VigilError): number {
    let count = 0;
    for (const [id, call] of waiting) {
      if (!matches(call)) continue;
      waiting.delete(id);
      refuse(call, error.reason, error.message);
      count += 1;
    }
    for (const group of groups) {
      if (group.successor && matches(group.successor.call)) {
        dropSuccessor(group, error.reason, error.message);
        count += 1;
      }
      for (const entry of group.inFlight.values()) {
        if (!matches(entry.call) || entry.aborted) continue;
        abort(entry, error);
        count += 1;
      }
    }
    return count;
  }

  function fenceSession(session: PartSession, cause: StopCause, now: number): void {
    const final = cause === "ended";
    if (final) sessions.end(session.id);
    else {
      sessions.raiseFence(session);
      session.lapsedBeat = session.lease?.beat;
    }
    const error = final ? endedError() : fencedError(`it was suspended here (${cause})`);
    const operationsCancelled = abortCalls((call) => call.session === session.id, error);
    effects.report({
      kind: "fenced",
      session: session.id,
      fence: sessions.fence(session),
      generation: sessions.generation,
      cause,
      final,
      at: now,
      operationsCancelled,
    });
    for (const group of groups) {
      if (stopsWith(group, session.id)) beginStop(group, cause, session.id, now);
      else group.users.delete(session.id);
    }
  }

  function fenceAll(cause: "link" | "clock", now: number): void {
    const staked = [...sessions.all()].map((session) => session.id);
    sessions.raiseGeneration();
    const operationsCancelled = abortCalls(() => true, fencedError(`every session was suspended here (${cause})`));
    effects.report({
      kind: "fenced",
      session: undefined,
      fence: "",
      generation: sessions.generation,
      cause,
      final: false,
      at: now,
      operationsCancelled,
    });
    for (const session of sessions.all()) session.lease = undefined;
    if (cause === "clock") {
      for (const group of groups) beginStop(group, cause, group.owner?.session, now);
    } else {
      for (const id of staked) for (const group of groups) if (stopsWith(group, id)) beginStop(group, cause, id, now);
    }
  }

  // ---- time

  /** Every input passes here first: a pause or a lapse acts before what was queued behind it (R5). */
  function notice(now: number): void {
    if (lastTickAt !== undefined && now - lastTickAt > TICK_MS + LATE_TICK_MS) {
      lastTickAt = now;
      fenceAll("clock", now);
    }
    const fresh = now < linkFreshUntil();
    if (linkWasFresh && !fresh) {
      linkWasFresh = false;
      fenceAll("link", now);
    }
    for (const session of [...sessions.all()]) {
      const lease = session.lease;
      if (!lease) continue;
      if (now >= lease.moveDeadline) {
        if (session.lapsedBeat !== lease.beat) fenceSession(session, "lapsed", now);
      } else if (now >= lease.quietDeadline) {
        stopEndless(session, now);
      }
    }
  }

  function stopEndless(session: PartSession, now: number): void {
    for (const group of groups) {
      if (group.owner?.session !== session.id || !group.owner.endless) continue;
      for (const entry of group.inFlight.values()) {
        if (entry.call.session === session.id) abort(entry, fencedError("its client has been quiet for too long"));
      }
      beginStop(group, "quiet", session.id, now);
    }
  }

  function lapse(session: PartSession, callClass: GuardCall["class"]): number {
    if (!session.lease) return -Infinity;
    return callClass === "move_endless" ? session.lease.quietDeadline : session.lease.moveDeadline;
  }

  function hasStake(session: PartSession): boolean {
    for (const group of groups) {
      if (group.owner?.session === session.id || group.users.has(session.id)) return true;
      for (const entry of group.inFlight.values()) if (entry.call.session === session.id) return true;
      if (group.successor?.call.session === session.id) return true;
    }
    for (const call of waiting.values()) if (call.session === session.id) return true;
    return false;
  }

  // ---- admission

  function whyNot(call: GuardCall, now: number): VigilError | undefined {
    const session = sessions.get(call.session);
    if (!session || sessions.hasEnded(call.session) || session.incarnation !== call.incarnation) return endedError();
    if (sessions.fence(session) !== call.fence) return fencedError("it was suspended here; the next command may pass");
    if (now >= lapse(session, call.class)) return fencedError("its lease has run out");
    if (now >= linkFreshUntil()) return fencedError("the link to the gateway is not proven alive");
    return undefined;
  }

  function proceed(call: GuardCall, now: number): void {
    const error = whyNot(call, now);
    if (error) return refuse(call, error.reason, error.message);
    const group = groupOf.get(call.resource);
    if (!group) return refuse(call, "no_resource", `this part has no resource named ${call.resource}`);
    if (group.plans.size > 0) {
      const which = [...group.plans.keys()].join(", ");
      return refuse(call, "stopping", `${which}: a stop is not acknowledged yet; retry once it has stopped`);
    }
    if (group.awaitsRearm) {
      return refuse(
        call,
        "rearm",
        `${call.resource} stopped after a lost session and waits to be re-armed by a person`,
      );
    }
    if (!isMotion(call)) return start(group, call);

    const before = motionsInFlight(group);
    group.owner = { session: call.session, connection: call.connection, endless: call.class === "move_endless" };
    group.users.delete(call.session);
    if (before.length === 0) return start(group, call);
    dropSuccessor(group, "fenced", "a newer command has taken this one's place");
    callGroups.set(call.id, group);
    const settleMs = Math.max(...group.resources.map((name) => settings.get(name)!.settleMs));
    group.successor = { call, giveUpAt: now + settleMs };
    for (const entry of before) abort(entry, new VigilError("fenced", "a newer command has taken this one's place"));
  }

  function start(group: MotionGroup, call: GuardCall): void {
    if (!isMotion(call) && group.owner?.session !== call.session) group.users.add(call.session);
    group.inFlight.set(call.id, { call, aborted: false });
    callGroups.set(call.id, group);
    effects.start(call);
  }

  const guard: Guard = {
    request(call, now) {
      notice(now);
      if (sessions.hasEnded(call.session)) return refuse(call, "session_ended", SESSION_EXPIRED);
      if (ticks.ageMs(call.tick, now) > maxCommandAgeMs) {
        return refuse(call, "stale", `the command is older than ${maxCommandAgeMs} ms: it was delayed on its way`);
      }
      const session = sessions.touch(call.session, call.incarnation, now);
      if (session.lease) return proceed(call, now);
      if (waiting.size >= MAX_WAITING_CALLS) {
        return refuse(call, "limit", "too many commands wait for their session's lease; send fewer at once");
      }
      waiting.set(call.id, call);
      effects.askLeases();
    },

    mayAct(callId, now) {
      notice(now);
      const entry = callGroups.get(callId)?.inFlight.get(callId);
      if (!entry || entry.aborted) return fencedError("this call is over");
      return whyNot(entry.call, now);
    },

    messageArrived(callId, tick, now) {
      notice(now);
      const entry = callGroups.get(callId)?.inFlight.get(callId);
      if (!entry) return waiting.has(callId) || callGroups.has(callId);
      if (entry.aborted) return false;
      if (ticks.ageMs(tick, now) <= maxCommandAgeMs) return true;
      abort(entry, new VigilError("stale", `a message is older than ${maxCommandAgeMs} ms: it was delayed on its way`));
      effects.report({ kind: "refused", reason: "stale", resource: entry.call.resource });
      const group = callGroups.get(callId)!;
      if (isMotion(entry.call)) beginStop(group, "cancelled", entry.call.session, now);
      return false;
    },

    settled(callId, now) {
      notice(now);
      const group = callGroups.get(callId);
      callGroups.delete(callId);
      if (!group?.inFlight.delete(callId)) return;
      if (group.plans.size > 0) {
        // What came after the last Stop may have moved it: stop again, and only that one is proof (R5).
        for (const plan of group.plans.values()) plan.again(now);
        return;
      }
      if (group.successor && motionsInFlight(group).length === 0) {
        const { call } = group.successor;
        group.successor = undefined;
        const error = whyNot(call, now);
        if (!error) return start(group, call);
        callGroups.delete(call.id);
        refuse(call, error.reason, error.message);
        beginStop(group, "cancelled", call.session, now);
      }
    },

    cancelled(callId, now) {
      notice(now);
      if (waiting.delete(callId)) return;
      const group = callGroups.get(callId);
      if (!group) return;
      if (group.successor?.call.id === callId) {
        const { session } = group.successor.call;
        group.successor = undefined;
        callGroups.delete(callId);
        beginStop(group, "cancelled", session, now);
        return;
      }
      const entry = group.inFlight.get(callId);
      if (!entry || entry.aborted) return;
      abort(entry, new VigilError("cancelled", "the caller gave the command up"));
      if (isMotion(entry.call)) beginStop(group, "cancelled", entry.call.session, now);
    },

    validForMs(callId, now) {
      if (guard.mayAct(callId, now)) return 0;
      const call = callGroups.get(callId)!.inFlight.get(callId)!.call;
      return Math.max(0, Math.min(lapse(sessions.get(call.session)!, call.class), linkFreshUntil()) - now);
    },

    leasesAnswered(askedAt, answeredIncarnation, answers, now) {
      notice(now);
      if (incarnation !== answeredIncarnation) {
        incarnation = answeredIncarnation;
        for (const session of [...sessions.all()]) {
          if (session.incarnation !== answeredIncarnation) fenceSession(session, "ended", now);
        }
      }
      for (const { id, facts } of answers) {
        const session = sessions.get(id);
        if (!session) continue;
        if (!facts || session.incarnation !== answeredIncarnation) fenceSession(session, "ended", now);
        else sessions.fold(session, facts, askedAt);
      }
      notice(now);
      for (const [id, call] of [...waiting]) {
        if (!sessions.get(call.session)?.lease || !waiting.delete(id)) continue;
        proceed(call, now);
      }
    },

    linkAlive(sentAt, now) {
      linkEvidenceAt = Math.max(linkEvidenceAt, sentAt);
      notice(now);
      linkWasFresh = now < linkFreshUntil();
    },
    linkLost(now) {
      linkEvidenceAt = -Infinity;
      notice(now);
    },

    sessionEnded(id, now) {
      notice(now);
      const session = sessions.get(id);
      if (session) fenceSession(session, "ended", now);
      else sessions.end(id);
    },
    suspend(id, now) {
      notice(now);
      const session = sessions.get(id);
      if (session) fenceSession(session, "gateway", now);
    },
    connectionClosed(connection, now) {
      notice(now);
      abortCalls((call) => call.connection === connection, new VigilError("cancelled", "its connection was closed"));
      for (const group of groups) {
        if (group.owner?.connection === connection) beginStop(group, "connection", group.owner.session, now);
      }
    },
    clientStop(resource, now) {
      notice(now);
      const group = groupOf.get(resource);
      if (!group) return;
      const running = [...group.inFlight.values()].filter((entry) => !entry.aborted);
      for (const entry of running) abort(entry, new VigilError("cancelled", "the resource was told to stop"));
      if (group.inFlight.size > 0 || group.successor) beginStop(group, "client_stop", undefined, now);
      group.owner = undefined;
      group.users.clear();
    },
    stopAll(cause, now) {
      notice(now);
      abortCalls(() => true, new VigilError("cancelled", "everything was told to stop"));
      for (const group of groups) beginStop(group, cause, group.owner?.session, now);
    },
    stopAcknowledged(resource, attempt, now) {
      notice(now);
      stops.get(resource)?.plan.acknowledged(attempt, now);
      finishStop(groupOf.get(resource)!);
    },
    stopFailed(resource, attempt, now) {
      notice(now);
      stops.get(resource)?.plan.failed(attempt, now);
    },
    rearm(resource, now) {
      notice(now);
      const group = groupOf.get(resource);
      if (!group?.awaitsRearm) return false;
      group.awaitsRearm = false;
      return true;
    },
    clockStepped(now) {
      notice(now);
      fenceAll("clock", now);
    },

    tick(now) {
      notice(now);
      lastTickAt = now;
      return ticks.next(now);
    },
    poll(now) {
      notice(now);
      for (const run of [...stops.values()]) run.plan.poll(now);
      for (const group of groups) {
        if (!group.successor || now < group.successor.giveUpAt) continue;
        // The superseded call does not let go: nobody moves this until it has, and it is stopped meanwhile (R5).
        beginStop(group, "unsettled", group.successor.call.session, now);
      }
      for (const [id, call] of [...waiting]) {
        if (ticks.ageMs(call.tick, now) <= maxCommandAgeMs || !waiting.delete(id)) continue;
        refuse(call, "store_unavailable", "the session's lease could not be read in time; check the lease store");
      }
      for (const session of [...sessions.all()]) {
        if (now - session.lastUsedAt < IDLE_SESSION_MS || hasStake(session)) continue;
        // Its count of fences must outlive the rest, or an old command would match again.
        if (session.fences === 0) sessions.forget(session.id);
        else session.lease = undefined;
      }
    },
    dueAt() {
      let due = linkWasFresh ? linkFreshUntil() : Infinity;
      for (const session of sessions.all()) {
        const lease = session.lease;
        if (!lease || session.lapsedBeat === lease.beat) continue;
        due = Math.min(due, lease.moveDeadline);
        for (const { owner } of groups) {
          if (owner?.session === session.id && owner.endless) due = Math.min(due, lease.quietDeadline);
        }
      }
      for (const { plan } of stops.values()) due = Math.min(due, plan.dueAt());
      for (const { successor } of groups) if (successor) due = Math.min(due, successor.giveUpAt);
      return due;
    },

    sessionsToAsk(now) {
      const ids: string[] = [];
      for (const session of sessions.all()) {
        if (now - session.lastUsedAt < IDLE_SESSION_MS || hasStake(session)) ids.push(session.id);
      }
      return ids;
    },
    windowMs,
    generation: () => sessions.generation,
    groups: () =>
      groups.map((group) => ({
        resources: group.resources,
        owner: group.owner?.session,
        users: [...group.users],
        stopping: group.plans.size > 0,
        awaitsRearm: group.awaitsRearm,
        callsInFlight: group.inFlight.size,
      })),
    settledDown: () => stops.size === 0,
  };
  return guard;
}
