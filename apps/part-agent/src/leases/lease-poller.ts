import type { LeaseReader } from "@vigil/leases";
import { type Guard, type LeaseAnswerFacts, leasePeriodMs } from "@vigil/safety";
import { type Clock, type Logger, type Timer, VigilError } from "@vigil/shared";
import type { GuardRunner } from "../guard/guard-runner.js";

/** Asks the store how long the leases of this part's sessions still live (rules.md, R3). */
export interface LeasePoller {
  /** A call waits for its session's lease. */
  askNow(): void;
  close(): void;
}

export interface LeasePollerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly reader: LeaseReader;
  runner(): GuardRunner;
  asked(outcome: "ok" | "failed", durationMs: number): void;
}

/** Questions on their way at once: a slow answer must not hold up the next question, nor may they pile up. */
const MAX_QUESTIONS = 8;

export function createLeasePoller(deps: LeasePollerDeps): LeasePoller {
  const { clock } = deps;
  let timer: Timer | undefined;
  let underWay = 0;
  let soon = false;
  let failing = false;
  let closed = false;

  async function ask(): Promise<void> {
    const askedAt = clock.now();
    const ids = deps.runner().guard.sessionsToAsk(askedAt);
    if (ids.length === 0 || underWay >= MAX_QUESTIONS) return;
    underWay += 1;
    try {
      const { incarnation, answers } = await deps.reader.read(ids);
      deps.asked("ok", clock.now() - askedAt);
      if (failing) deps.log.info({}, "the lease store answers again");
      failing = false;
      deps.runner().run((guard: Guard, now) => guard.leasesAnswered(askedAt, incarnation, answers.map(toFacts), now));
    } catch (error) {
      deps.asked("failed", clock.now() - askedAt);
      if (!failing) deps.log.warn({ error: VigilError.from(error).message }, "the lease store does not answer");
      failing = true;
    } finally {
      underWay -= 1;
    }
  }

  const turn = () => {
    if (closed) return;
    timer = clock.after(leasePeriodMs(deps.runner().guard.windowMs()), turn);
    void ask();
  };

  return {
    askNow() {
      timer ??= clock.after(0, turn);
      if (soon) return;
      soon = true;
      // All calls of one turn of the loop are one question.
      queueMicrotask(() => {
        soon = false;
        void ask();
      });
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

function toFacts(answer: Awaited<ReturnType<LeaseReader["read"]>>["answers"][number]): LeaseAnswerFacts {
  return { id: answer.id, facts: answer.known ? answer : undefined };
}
