import type { VigilError } from "@vigil/shared";
import { TICK_MS } from "../bounds.js";
import { createGuard, type Guard, type GuardOptions, type LeaseAnswerFacts } from "../guard.js";
import type { GuardEvent } from "../guard-events.js";
import type { GuardCall, GuardResource } from "../motion-group.js";

export const WINDOW_MS = 2000;
export const SETTLE_MS = 400;

/** A guard with everything around it played by the test: what it asks for is written down, time passes by `pass`. */
export interface GuardRig {
  readonly guard: Guard;
  readonly now: number;
  /** "start 1", "abort 1", "refuse 2 fenced", "stop motor 1", "escalate motor": in order. Taken out by reading. */
  log(): string[];
  readonly events: readonly GuardEvent[];
  /** "motor lapsed": why each attempt to stop was made, in order. */
  readonly stopCauses: readonly string[];
  readonly asked: number;
  /** Lets time pass, ticking and polling on time, challenges over the link answered. */
  pass(ms: number): void;
  /** Lets time pass while the process stands still. */
  pause(ms: number): void;
  /** A call of a session whose lease is live, with the fence that the gateway would stamp; its id. */
  call(what?: Partial<GuardCall>): number;
  /** The call runs: fails the test's expectation by throwing if it was not started. */
  started(what?: Partial<GuardCall>): number;
  answer(facts: readonly LeaseAnswerFacts[], options?: { askedAt?: number; incarnation?: string }): void;
  /** Beats count up: as a store answers about a client that lives. */
  renew(session: string, leftMs?: number, quietLeftMs?: number): void;
  lease(session: string, beat: number, leftMs?: number, quietLeftMs?: number): LeaseAnswerFacts;
  errorOf(callId: number): VigilError | undefined;
  mayAct(callId: number): boolean;
  /** Acknowledges every outstanding stop. */
  acknowledge(): void;
  /** A client's Stop, from its call to its answer. */
  stop(resource?: string): void;
  keepLink: boolean;
}

export const motor = (name = "motor", more: Partial<GuardResource> = {}): GuardResource => ({
  name,
  stop: { timeoutMs: 1000, retries: 3, escalateAfterMs: 1000 },
  rearm: "auto",
  settleMs: SETTLE_MS,
  ...more,
});

export function createGuardRig(options: Partial<GuardOptions> = {}): GuardRig {
  const startMs = 50_000;
  let now = startMs;
  let entries: string[] = [];
  let asked = 0;
  let lastId = 0;
  let tick = 0;
  const events: GuardEvent[] = [];
  const causes: string[] = [];
  const errors = new Map<number, VigilError>();
  const beats = new Map<string, number>();
  const fences = new Map<string, string>();
  const outstanding = new Map<string, number>();
  const guard = createGuard(
    {
      start: (call) => entries.push(`start ${call.id}`),
      refuse(call, error) {
        errors.set(call.id, error);
        entries.push(`refuse ${call.id} ${error.reason}`);
      },
      abort(call, error) {
        errors.set(call.id, error);
        entries.push(`abort ${call.id}`);
      },
      stop(resource, attempt, cause) {
        outstanding.set(resource, attempt);
        causes.push(`${resource} ${cause}`);
        entries.push(`stop ${resource} ${attempt}`);
      },
      escalate: (resource) => entries.push(`escalate ${resource}`),
      askLeases() {
        asked += 1;
      },
      report(event) {
        events.push(event);
        if (event.kind !== "fenced") return;
        if (event.session === undefined) fences.clear();
        else fences.set(event.session, event.fence);
      },
    },
    { bootId: "boot", groups: [[motor()]], windowMs: WINDOW_MS, ...options },
  );

  const rig: GuardRig = {
    guard,
    keepLink: true,
    get now() {
      return now;
    },
    get asked() {
      return asked;
    },
    events,
    stopCauses: causes,
    log() {
      const taken = entries;
      entries = [];
      return taken;
    },
    pass(ms) {
      const end = now + ms;
      while (now < end) {
        now = Math.min(end, now + TICK_MS, Math.max(now + 0.001, guard.dueAt()));
        if ((now - startMs) % TICK_MS === 0) {
          if (rig.keepLink) guard.linkAlive(now, now);
          tick = guard.tick(now);
        }
        guard.poll(now);
      }
    },
    pause(ms) {
      now += ms;
    },
    call(what = {}) {
      const session = what.session ?? "S";
      const id = ++lastId;
      guard.request(
        {
          id,
          resource: "motor",
          method: "GoFor",
          class: "move",
          session,
          incarnation: "store",
          fence: fences.get(session) ?? `boot.${guard.generation()}.0`,
          tick,
          order: 0,
          connection: `connection of ${session}`,
          ...what,
        },
        now,
      );
      return id;
    },
    started(what = {}) {
      const session = what.session ?? "S";
      const id = rig.call(what);
      rig.renew(session);
      if (errors.has(id)) throw errors.get(id);
      return id;
    },
    answer(answers, { askedAt = now, incarnation = "store" } = {}) {
      guard.leasesAnswered(askedAt, incarnation, answers, now);
    },
    renew(session, leftMs = WINDOW_MS, quietLeftMs = leftMs) {
      const beat = (beats.get(session) ?? 0) + 1;
      beats.set(session, beat);
      rig.answer([rig.lease(session, beat, leftMs, quietLeftMs)]);
    },
    lease: (id, beat, leftMs = WINDOW_MS, quietLeftMs = leftMs) => ({
      id,
      facts: { beat, windowMs: WINDOW_MS, moveLeftMs: leftMs, quietLeftMs },
    }),
    errorOf: (callId) => errors.get(callId),
    mayAct: (callId) => guard.mayAct(callId, now) === undefined,
    stop(resource = "motor") {
      guard.clientStopped(resource, guard.clientStop(resource, 0, now), now);
    },
    acknowledge() {
      for (const [resource, attempt] of [...outstanding]) guard.stopAcknowledged(resource, attempt, now);
    },
  };
  guard.linkAlive(now, now);
  tick = guard.tick(now);
  return rig;
}
