import { STOP_BACKOFF_MAX_MS, STOP_BACKOFF_MIN_MS } from "./bounds.js";

export interface StopSettings {
  /** Time that one attempt has until Stop has returned and IsMoving says false, in ms. */
  readonly timeoutMs: number;
  /** Failed attempts after the first before it counts as failed; it goes on trying all the same. */
  readonly retries: number;
  /** Without an acknowledgement this long after it was first wanted: escalate, in ms. */
  readonly escalateAfterMs: number;
}

/** How a plan ended, or stands. */
export type StopOutcome = "stopped" | "retried" | "escalated" | "failed" | "pending";

/**
 * Stopping one resource for certain (rules.md, R7): attempts until one is acknowledged, each with its timeout, with a
 * backoff between them; a call that settles asks for one more. Several attempts may be under way: a stop that hangs
 * does not keep the next one back.
 */
export interface StopPlan {
  readonly startedAt: number;
  readonly acknowledgedAt: number | undefined;
  readonly attempts: number;
  readonly outcome: StopOutcome;
  /** Asks for one more attempt at once: what came before it is no longer proof. */
  again(now: number): void;
  /** The attempt's Stop has returned and IsMoving says false. */
  acknowledged(attempt: number, now: number): void;
  /** The attempt failed, or IsMoving still said true when its time was over. */
  failed(attempt: number, now: number): void;
  /** Does what is due. */
  poll(now: number): void;
  /** When poll has something to do next; Infinity: nothing. */
  dueAt(): number;
}

export interface StopEffects {
  attempt(number: number): void;
  escalate(): void;
  /** One attempt more than `retries` has failed. Told once. */
  gaveWarning(): void;
}

/** Time before the next stop after the `count`-th that was no good, in ms (R7). */
export function stopBackoffMs(count: number): number {
  return Math.min(STOP_BACKOFF_MAX_MS, STOP_BACKOFF_MIN_MS * 2 ** (count - 1));
}

export function createStopPlan(settings: StopSettings, effects: StopEffects, startedAt: number): StopPlan {
  let attempts = 0;
  /** Attempts before this one prove nothing: a call settled after them. */
  let firstValid = 1;
  let failures = 0;
  let timeoutAt = Infinity;
  let retryAt = Infinity;
  let escalateAt = startedAt + settings.escalateAfterMs;
  let escalated = false;
  let acknowledgedAt: number | undefined;

  const begin = (now: number) => {
    attempts += 1;
    retryAt = Infinity;
    timeoutAt = now + settings.timeoutMs;
    effects.attempt(attempts);
  };
  const fail = (now: number) => {
    failures += 1;
    timeoutAt = Infinity;
    retryAt = now + stopBackoffMs(failures);
    if (failures === settings.retries + 1) effects.gaveWarning();
  };

  const plan: StopPlan = {
    startedAt,
    get acknowledgedAt() {
      return acknowledgedAt;
    },
    get attempts() {
      return attempts;
    },
    get outcome(): StopOutcome {
      if (acknowledgedAt === undefined) return failures > settings.retries ? "failed" : "pending";
      if (escalated) return "escalated";
      return failures > 0 ? "retried" : "stopped";
    },
    again(now) {
      // A stop that was acknowledged and is in doubt again has its own patience, and escalates like the first (R7).
      if (acknowledgedAt !== undefined) escalateAt = now + settings.escalateAfterMs;
      acknowledgedAt = undefined;
      firstValid = attempts + 1;
      begin(now);
    },
    acknowledged(attempt, now) {
      if (attempt < firstValid || acknowledgedAt !== undefined) return;
      acknowledgedAt = now;
      timeoutAt = Infinity;
      retryAt = Infinity;
      escalateAt = Infinity;
    },
    failed(attempt, now) {
      if (attempt !== attempts || acknowledgedAt !== undefined || timeoutAt === Infinity) return;
      fail(now);
    },
    poll(now) {
      if (acknowledgedAt !== undefined) return;
      if (now >= escalateAt) {
        escalateAt = Infinity;
        escalated = true;
        effects.escalate();
      }
      if (now >= timeoutAt) fail(now);
      if (now >= retryAt) begin(now);
    },
    dueAt() {
      return acknowledgedAt === undefined ? Math.min(timeoutAt, retryAt, escalateAt) : Infinity;
    },
  };
  begin(startedAt);
  return plan;
}
