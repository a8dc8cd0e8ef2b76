import type { GuardCall, GuardEvent, SessionEnd, TableSession } from "@vigil/safety";
import { APPLICATION_GRACE_MS, CHALLENGES_PER_WINDOW, LINK_FRESH_MS } from "@vigil/safety";
import type { Actuator, Mover } from "./world/actuator.js";
import type { Robot, RobotWatch } from "./world/robot.js";
import type { SimClient } from "./world/sim-client.js";
import { RESTART_MS, type SimPart } from "./world/sim-part.js";

/** A promise was broken. The seed and the tail of what happened are added by whoever runs the episode. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export interface Figures {
  sessions: number;
  lapses: number;
  suspensions: number;
  writes: number;
  stops: number;
  fences: number;
  /** Lapses on a line that is bad enough to make them by itself. */
  chances: number;
}

/**
 * Watches a robot from outside, with knowledge that none of its processes has: true time, who lives, what is cut. It
 * never asks the code under test whether it was right.
 */
export interface Checkers extends RobotWatch {
  attach(robot: Robot): void;
  /** Something was done to the store, the gateway or a client that excuses the end of sessions from now on, for a while. */
  excuse(scope: "all" | SimClient): void;
  /** The store's clock steps: bounds are a tenth wider from now on (scenario 7). */
  clockSteps(): void;
  readonly figures: Figures;
  /** What happened lately, newest last. */
  readonly trail: readonly string[];
  note(line: string): void;
  /** A session of the client lives, as the truth has it. */
  clientOf(session: string): SimClient | undefined;
}

/** How often the truth is sampled, in ms: what a bound must allow on top. */
const SAMPLE_MS = 20;
/** P1's allowance above the window, and what a stepped clock may add to it (scenario 7). */
const P1_MS = 50;
const STEP_FACTOR = 1.1;
/** P4 and P5: a stop follows its reason within this. */
const AT_ONCE_MS = 20;
const TRAIL = 600;
/** A guard tick is 50 ms after the last, and 250 ms late at the most. */
const LONGEST_PAUSE_MS = 300;
/** Below it a lapse on a lossy line is no chance any more: thousands of robot-hours would not show one. */
const LEAST_CHANCE = 1e-8;
/** Longest pause between two stops of what does not settle, and the time of a slow one. */
const REPEAT_MS = 1300;

interface SessionTruth {
  readonly id: string;
  readonly kind: "explicit" | "implicit";
  readonly client: SimClient;
  readonly connections: ReadonlySet<string>;
  /** Its client's transport was last able to answer, over a connection of this session. */
  aliveAt: number;
  /** Its client's application was last able to speak. */
  speaksAt: number;
  /** Its client last sent a call or a beat. */
  sentAt: number;
  /** Lapses are expected until then: something happened that explains one. */
  excusedUntil: number;
  endedAt: number | undefined;
}

export function createCheckers(options: { readonly detailed?: boolean } = {}): Checkers {
  let robot: Robot;
  const sessions = new Map<string, SessionTruth>();
  const fences = new Map<
    SimPart,
    { generation: number; bySession: Map<string, string>; ended: Set<string>; life: number; clockFenceAt: number }
  >();
  const aborted = new Map<SimPart, Set<number>>();
  const unsettled = new Map<SimPart, Set<number>>();
  /** When the store's clock stepped, if it did. */
  let stepped = false;
  /** Ends of sessions that are opened after the trouble are excused too: their connection may not have been heard since. */
  let allExcusedUntil = 0;
  const clientExcusedUntil = new Map<SimClient, number>();
  /** The newest motion that has begun, by group. */
  const newestMotion = new Map<string, number>();
  const figures: Figures = { sessions: 0, lapses: 0, suspensions: 0, writes: 0, stops: 0, fences: 0, chances: 0 };
  const trail: string[] = [];
  let failure: Violation | undefined;

  const short = (id: string | undefined) => id?.slice(0, 4) ?? "all";
  const note = (line: string) => {
    trail.push(`${robot.time.now.toFixed(1)} ${line}`);
    if (trail.length > TRAIL) trail.shift();
  };
  const detail = (line: () => string) => {
    if (options.detailed) note(line());
  };
  /** Thrown at the next sample: the code under test must not be able to catch it. */
  const fail = (message: string) => {
    failure ??= new Violation(`${message} (at ${robot.time.now.toFixed(1)} ms)`);
  };

  const excuseMs = () => 3 * robot.options.windowMs + 3000;
  const isUp = (name: { readonly state: string }) => name.state === "up";

  function canAnswer(client: SimClient): boolean {
    const { network, gateway } = robot;
    const { name } = client.process;
    return (
      isUp(client.process) &&
      isUp(gateway.process) &&
      !network.isCut(name, "gateway") &&
      !network.isCut("gateway", name)
    );
  }

  /** Chance that one window passes without an answer by loss alone (R1): short windows on long lines have few challenges. */
  function falseLapseChance(): number {
    const { windowMs } = robot.options;
    const { delayMs, jitterMs, loss } = robot.network.wan;
    const answerable = Math.floor((windowMs - 2 * (delayMs + jitterMs)) / (windowMs / CHALLENGES_PER_WINDOW));
    return (1 - (1 - loss) ** 2) ** Math.max(0, answerable);
  }

  /** The last instant at which the session's window may have begun. */
  function windowFrom(truth: SessionTruth): number {
    // Application evidence is dated at arrival (R9).
    const { carrier, lastArrivalAt, lastAnsweredAt } = truth.client;
    return carrier === "web" ? Math.max(truth.sentAt, lastArrivalAt) : Math.max(truth.aliveAt, lastAnsweredAt);
  }

  /** When the session's motion must have been told to stop at the latest, by a part that was never held up. */
  function moveLimit(truth: SessionTruth, mover: { readonly endless: boolean }): number {
    const { windowMs, quietLimitMs } = robot.options;
    const factor = stepped ? STEP_FACTOR : 1;
    const window = windowMs * factor + P1_MS + SAMPLE_MS;
    const limits = [windowFrom(truth) + window];
    const heard = Math.max(truth.sentAt, truth.client.lastArrivalAt);
    if (truth.kind === "explicit") limits.push(heard + window + APPLICATION_GRACE_MS);
    else if (mover.endless) limits.push(heard + quietLimitMs * factor + P1_MS + SAMPLE_MS);
    if (truth.endedAt !== undefined) limits.push(truth.endedAt + window);
    return Math.min(...limits);
  }

  function groupOf(part: SimPart, actuator: Actuator) {
    return part.guard.groups().find(({ resources }) => resources.includes(`${part.name}:${actuator.name}`))!;
  }

  /** No motion outlives its session by more than its bound (P1, P6), nor its owner's command (R5). */
  function checkMotion(part: SimPart, actuator: Actuator): void {
    const { mover } = actuator;
    if (!mover || part.process.state !== "up") return;
    const { now } = robot.time;
    // Whom it belonged to went with the process before, and all of it is stopped before anything is served (R7).
    if (now <= part.process.restartedAt + RESTART_MS + P1_MS) return;
    // Who takes a group over answers for all that moves in it, also for what an older command set in motion (R5).
    const owner = groupOf(part, actuator).owner ?? mover.session;
    const truth = sessions.get(owner);
    if (!truth) return fail(`${part.name}:${actuator.name} is moved by a session that nobody opened`);
    const limit = moveLimit(truth, { endless: mover.endless && owner === mover.session });
    if (now <= limit + heldUpSince(part, limit - robot.options.windowMs * 2)) return;
    // A handler that ignores its abort may have had a write on the bus: the stop is repeated within a second.
    if (
      mover.life === part.process.life &&
      unsettled.get(part)?.has(mover.call) &&
      now <= actuator.movingSince + REPEAT_MS
    )
      return;
    if (
      actuator.lastStopAt >= actuator.movingSince &&
      actuator.lastStopAt > limit - robot.options.windowMs * 2 - APPLICATION_GRACE_MS
    )
      return;
    fail(
      `${part.name}:${actuator.name} still moves for ${short(owner)}, ${(now - limit).toFixed(0)} ms past its bound; last stop at ${actuator.lastStopAt.toFixed(0)}`,
    );
  }

  const pauses = new Map<SimPart, { at: number; pausedMs: number }[]>();
  /** How long the part stood still since about `since`, as sampled. */
  function heldUpSince(part: SimPart, since: number): number {
    const samples = pauses.get(part) ?? [];
    const before = samples.findLast(({ at }) => at <= since) ?? samples[0];
    const held = part.process.pausedMs - (before?.pausedMs ?? 0);
    // A restart begins with the stop of everything, which takes a moment of its own.
    return held > 0 ? held + P1_MS : 0;
  }

  function sample(): void {
    const { time, parts, clients, gateway } = robot;
    for (const client of clients) {
      for (const truth of sessions.values()) {
        if (truth.client !== client || truth.endedAt !== undefined) continue;
        const isOn = client.connection !== undefined && truth.connections.has(client.connection);
        const answers = isOn && canAnswer(client) && !(client.hung && client.carrier === "web");
        // The transport speaks for every session of its connection, the application for the one it uses (R1).
        const isUsed = truth.kind === "implicit" || client.session === truth.id;
        if (answers) truth.aliveAt = time.now;
        if (answers && isUsed && !client.hung) truth.speaksAt = time.now;
        if (!answers || !isUsed) truth.excusedUntil = time.now + excuseMs();
      }
    }
    for (const truth of sessions.values()) {
      if (truth.endedAt !== undefined) continue;
      truth.sentAt = Math.max(truth.sentAt, sentOver(truth));
      // A call that is open where no challenge is answered speaks for its client (R1).
      if (truth.client.carrier === "web") {
        for (const id of truth.connections) truth.sentAt = Math.max(truth.sentAt, gateway.openUntil(id));
      }
      if (gateway.process.state !== "up") truth.excusedUntil = time.now + excuseMs();
    }
    for (const part of parts) {
      const samples = pauses.get(part) ?? [];
      pauses.set(part, samples);
      if (samples.at(-1)?.pausedMs !== part.process.pausedMs)
        samples.push({ at: time.now, pausedMs: part.process.pausedMs });
      if (samples.length > 400) samples.splice(0, 200);
      for (const actuator of part.actuators) checkMotion(part, actuator);
    }
    if (failure) throw failure;
    time.at(time.now + SAMPLE_MS, sample);
  }

  const sentOver = ({ client, connections }: SessionTruth) =>
    client.connection !== undefined && connections.has(client.connection) ? client.lastSentAt : -Infinity;

  function knownFences(part: SimPart) {
    let known = fences.get(part);
    if (!known || known.life !== part.process.life) {
      known = {
        generation: 0,
        bySession: new Map(),
        ended: new Set(),
        life: part.process.life,
        clockFenceAt: robot.time.now,
      };
      fences.set(part, known);
      aborted.set(part, new Set());
      unsettled.set(part, new Set());
    }
    return known;
  }

  /** P4 at the instant at which a handler is let through. */
  function checkWrite(part: SimPart, call: GuardCall): void {
    const { now } = robot.time;
    const known = knownFences(part);
    const who = `a write of ${short(call.session)} at ${call.resource}`;
    checkPause(part, who);
    if (aborted.get(part)!.has(call.id)) fail(`P3: ${who} by a handler that was aborted`);
    if (known.ended.has(call.session)) fail(`P4: ${who}, whose session has ended there`);
    const fence = known.bySession.get(call.session);
    if (fence === undefined ? !call.fence.endsWith(`.${known.generation}.0`) : call.fence !== fence) {
      fail(`R4: ${who} with the fence ${call.fence}, not ${fence ?? `generation ${known.generation}`}`);
    }
    const truth = sessions.get(call.session);
    if (!truth) return fail(`R5: ${who}, which nobody opened`);
    const limit = moveLimit(truth, { endless: call.class === "move_endless" });
    if (now > limit) fail(`P4: ${who}, ${(now - limit).toFixed(0)} ms past its bound`);
    const silence = now - part.linkEvidenceAt;
    if (silence > Math.min(robot.options.windowMs, LINK_FRESH_MS) + 1) {
      fail(`R3: ${who}, whose link was last proven ${silence.toFixed(0)} ms ago`);
    }
  }

  /** R5: after a pause nothing acts before everything has been fenced. */
  function checkPause(part: SimPart, who: string): void {
    const { wokeAt, ms, slept } = part.process.lastPause;
    const known = knownFences(part);
    if (known.clockFenceAt >= wokeAt || !(slept || ms > LONGEST_PAUSE_MS)) return;
    fail(`R5: ${who} after a ${slept ? "sleep" : "pause"} of ${ms.toFixed(0)} ms, before the fence`);
  }

  /** P5, P4: what a fence takes away is told to stop at once. */
  function expectStops(part: SimPart, session: string, since: number): void {
    const { life, pausedMs } = part.process;
    const moved = part.actuators.filter(
      (actuator) =>
        actuator.mover?.session === session && !actuator.mover.use && groupOf(part, actuator).owner === session,
    );
    if (moved.length === 0) return;
    robot.time.at(since + AT_ONCE_MS, () => {
      if (part.process.life !== life || part.process.pausedMs !== pausedMs) return;
      for (const actuator of moved) {
        if (actuator.lastStopAt < since) {
          fail(`P5: ${part.name}:${actuator.name} was not told to stop when ${short(session)} was fenced`);
        }
      }
    });
  }

  return {
    figures,
    trail,
    note,
    attach(attached) {
      robot = attached;
      for (const part of robot.parts) knownFences(part);
      robot.time.at(robot.time.now, sample);
    },
    excuse(scope) {
      if (scope === "all") allExcusedUntil = robot.time.now + excuseMs();
      else clientExcusedUntil.set(scope, robot.time.now + excuseMs());
      for (const truth of sessions.values()) {
        if (scope === "all" || truth.client === scope) truth.excusedUntil = robot.time.now + excuseMs();
      }
    },
    clockSteps() {
      stepped = true;
    },
    clientOf: (session) => sessions.get(session)?.client,

    sessionOpened(session: TableSession) {
      if (sessions.has(session.id)) return;
      const [connection] = session.connections;
      const client = robot.clients.find(({ connections }) => connection !== undefined && connections.has(connection));
      if (!client) return;
      figures.sessions += 1;
      const { now } = robot.time;
      note(`${client.process.name} opened ${short(session.id)} (${session.kind})`);
      sessions.set(session.id, {
        id: session.id,
        kind: session.kind,
        client,
        connections: session.connections,
        aliveAt: now,
        speaksAt: now,
        sentAt: now,
        excusedUntil: canAnswer(client)
          ? Math.max(allExcusedUntil, clientExcusedUntil.get(client) ?? 0)
          : now + excuseMs(),
        endedAt: undefined,
      });
    },
    sessionEnded({ session, reason, cause }: SessionEnd) {
      note(`gateway ends ${short(session.id)}: ${reason} ${cause}`);
      const truth = sessions.get(session.id);
      if (!truth) return;
      truth.endedAt = robot.time.now;
      if (reason !== "lapsed") return;
      figures.lapses += 1;
      const { client } = truth;
      // A browser's session lives by its messages, which a lossy line may hold up for longer than the window.
      const isWeak = client.carrier === "web" && (!client.explicit || robot.options.wan.loss > 0);
      const isSilent = robot.time.now - truth.speaksAt > robot.options.windowMs;
      if (isWeak || isSilent || robot.time.now <= truth.excusedUntil) return;
      if (falseLapseChance() > LEAST_CHANCE) figures.chances += 1;
      else {
        fail(`P7: ${short(session.id)} of ${client.process.name} lapsed (${cause}), though its client lived`);
      }
    },
    suspended(session, cause) {
      figures.suspensions += 1;
      note(`gateway suspends ${short(session.id)}: ${cause}`);
    },

    event(part, event: GuardEvent) {
      if (event.kind !== "fenced") return;
      figures.fences += 1;
      const known = knownFences(part);
      const { now } = robot.time;
      note(`${part.name} fences ${short(event.session)}: ${event.cause} ${event.fence}`);
      if (event.session === undefined) {
        if (event.cause === "clock") known.clockFenceAt = now;
        known.generation = event.generation;
        known.bySession.clear();
        return;
      }
      if (event.final) known.ended.add(event.session);
      else known.bySession.set(event.session, event.fence);
      expectStops(part, event.session, now);
    },
    started(part, call) {
      detail(() => `${part.name} starts ${short(call.session)} ${call.class} ${call.resource} call ${call.id}`);
      if (call.class === "use") return;
      const { resources } = part.guard.groups().find((group) => group.resources.includes(call.resource))!;
      newestMotion.set(resources.join(), call.id);
    },
    obeyed(part, call, ageMs) {
      if (ageMs <= robot.options.maxCommandAgeMs + 1) return;
      fail(
        `R5: ${part.name} obeys ${short(call.session)} at ${call.resource}, ${ageMs.toFixed(0)} ms after it was sent`,
      );
    },
    wrote(part, call) {
      figures.writes += 1;
      checkWrite(part, call);
    },
    aborted(part, call) {
      knownFences(part);
      aborted.get(part)!.add(call.id);
      unsettled.get(part)!.add(call.id);
      detail(() => `${part.name} aborts ${short(call.session)} ${call.resource} call ${call.id}`);
    },
    settled(part, call, wasAborted) {
      if (!wasAborted) return;
      unsettled.get(part)!.delete(call.id);
      detail(() => `${part.name} settled call ${call.id}`);
      const settledAt = robot.time.now;
      const { life, pausedMs } = part.process;
      robot.time.at(settledAt + AT_ONCE_MS, () => {
        if (part.process.life !== life || part.process.pausedMs !== pausedMs) return;
        for (const actuator of part.actuators) {
          const { mover } = actuator;
          if (mover?.session !== call.session || mover.call !== call.id || mover.life !== life || mover.use) continue;
          // A call after it has the group now, and answers for all that moves in it (R5).
          if (newestMotion.get(groupOf(part, actuator).resources.join()) !== call.id) continue;
          if (actuator.lastStopAt < settledAt) {
            fail(`P4: ${part.name}:${actuator.name} moves by a write that landed after its call was aborted`);
          }
        }
      });
    },
    landed: (actuator, mover) => detail(() => `${actuator.part}:${actuator.name} moved by call ${mover.call}`),
    told(actuator) {
      figures.stops += 1;
      detail(() => `${actuator.part}:${actuator.name} told to stop`);
    },
  };
}

export type { Mover };
