import { type Clock, createEmitter, type Random, uuid, VigilError } from "@vigil/shared";
import { alreadyThere, checkedSpans, checkId, checkQuestion, checkWindow, notCreated } from "./lease-request.js";
import {
  CLOCK_TOLERANCE_MS,
  type LeaseAnswer,
  type LeaseInstants,
  type LeaseStore,
  type NewLease,
  type Renewal,
  type RenewalOutcome,
} from "./lease-store.js";

/** Fewest leases at which creating one looks for dead ones: below it the memory is not worth the walk. */
const SWEEP_FLOOR = 256;

interface Lease extends LeaseInstants {
  readonly beat: number;
  readonly windowMs: number;
}

/**
 * The built-in store: the gateway's own memory. Its time is the gateway's monotonic clock, which cannot step, and its
 * incarnation is random per start, so that ids of an earlier process mean nothing in it (rules.md, R4; scenario 10).
 */
export function createMemoryStore(deps: { readonly clock: Clock; readonly random: Random }): LeaseStore {
  const { clock } = deps;
  const incarnation = uuid(deps.random);
  const leases = new Map<string, Lease>();
  const events = createEmitter<{ end: string; incarnation: string | undefined }>();
  let sweepAt = SWEEP_FLOOR;
  let closed = false;

  /** The live lease of an id: one whose `knownUntil` has passed is dropped here, and never comes back. */
  function live(id: string): Lease | undefined {
    const lease = leases.get(id);
    if (lease === undefined || lease.knownUntil > clock.now()) return lease;
    leases.delete(id);
    return undefined;
  }

  function sweep(): void {
    if (leases.size < sweepAt) return;
    for (const id of [...leases.keys()]) live(id);
    sweepAt = Math.max(SWEEP_FLOOR, 2 * leases.size);
  }

  function renewOne(renewal: Renewal): RenewalOutcome {
    const asked = instantsAsked(renewal, clock.now());
    const old = live(renewal.id);
    if (old === undefined) return "gone";
    if (typeof asked === "string") return asked;
    leases.set(renewal.id, {
      windowMs: old.windowMs,
      beat: old.beat + 1,
      moveUntil: Math.max(old.moveUntil, asked.moveUntil),
      quietUntil: Math.max(old.quietUntil, asked.quietUntil),
      knownUntil: Math.max(old.knownUntil, asked.knownUntil),
    });
    return "renewed";
  }

  function answer(id: string): LeaseAnswer {
    const lease = live(id);
    if (lease === undefined) return { id, known: false };
    const now = clock.now();
    return {
      id,
      known: true,
      beat: lease.beat,
      windowMs: lease.windowMs,
      moveLeftMs: lease.moveUntil - now,
      quietLeftMs: lease.quietUntil - now,
      knownLeftMs: lease.knownUntil - now,
    };
  }

  function mustBeOpen(): void {
    if (closed) throw new VigilError("store_unavailable", "the lease store is closed: the gateway is shutting down");
  }

  return {
    get incarnation() {
      return closed ? undefined : incarnation;
    },
    async create(lease: NewLease) {
      mustBeOpen();
      checkWindow(lease.windowMs);
      const asked = instantsAsked(lease, clock.now());
      if (live(lease.id) !== undefined) throw alreadyThere();
      if (typeof asked === "string") throw notCreated(asked);
      sweep();
      leases.set(lease.id, { ...asked, windowMs: lease.windowMs, beat: 1 });
      return { incarnation };
    },
    async renew(renewals) {
      mustBeOpen();
      for (const renewal of renewals) checkedSpans(renewal);
      return renewals.map(renewOne);
    },
    async end(id) {
      mustBeOpen();
      checkId(id);
      const was = live(id) !== undefined;
      leases.delete(id);
      if (was) events.emit("end", id);
      return was;
    },
    async read(ids) {
      mustBeOpen();
      checkQuestion(ids);
      return { incarnation, answers: ids.map(answer) };
    },
    onEnd: (listener) => events.on("end", listener),
    onIncarnation: (listener) => events.on("incarnation", listener),
    async close() {
      closed = true;
      leases.clear();
    },
  };
}

/** The instants of a request in the store's time, or why they are refused. `gone` is the caller's to know. */
function instantsAsked(request: Renewal | NewLease, now: number): LeaseInstants | "past" | "beyond" {
  const spans = checkedSpans(request);
  if (request.signOfLifeAt > now + CLOCK_TOLERANCE_MS) return "beyond";
  const sign = Math.min(request.signOfLifeAt, now);
  if (sign + spans.knownForMs <= now) return "past";
  return {
    moveUntil: sign + spans.moveForMs,
    quietUntil: sign + spans.quietForMs,
    knownUntil: sign + spans.knownForMs,
  };
}
