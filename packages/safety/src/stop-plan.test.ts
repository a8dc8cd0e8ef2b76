import assert from "node:assert/strict";
import { test } from "node:test";
import { STOP_BACKOFF_MAX_MS } from "./bounds.js";
import { createStopPlan, type StopSettings } from "./stop-plan.js";

function planned(settings: Partial<StopSettings> = {}) {
  const log: string[] = [];
  let now = 0;
  const plan = createStopPlan(
    { timeoutMs: 1000, retries: 3, escalateAfterMs: 500, ...settings },
    {
      attempt: (number) => log.push(`${now} attempt ${number}`),
      escalate: () => log.push(`${now} escalate`),
      gaveWarning: () => log.push(`${now} warning`),
    },
    now,
  );
  return {
    plan,
    log,
    at(instant: number) {
      while (plan.dueAt() <= instant) {
        now = plan.dueAt();
        plan.poll(now);
      }
      now = instant;
      return plan;
    },
  };
}

test("a stop is attempted at once; acknowledged, nothing more is due", () => {
  const { plan, log, at } = planned();
  at(20).acknowledged(1, 20);
  assert.equal(plan.dueAt(), Infinity);
  assert.deepEqual([plan.outcome, plan.acknowledgedAt, plan.attempts], ["stopped", 20, 1]);
  at(100_000);
  assert.deepEqual(log, ["0 attempt 1"]);
});

test("a failed stop is tried again with backoff from 100 ms to 1 s, for ever, and warned of once (R7)", () => {
  const { plan, log, at } = planned({ escalateAfterMs: Infinity });
  const waits: number[] = [];
  let last = 0;
  for (let attempt = 1; attempt <= 8; attempt += 1) {
    plan.failed(attempt, last);
    waits.push(plan.dueAt() - last);
    last = plan.dueAt();
    at(last);
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000, 1000, STOP_BACKOFF_MAX_MS]);
  assert.equal(log.filter((line) => line.endsWith("warning")).length, 1);
  assert.ok(log.indexOf("700 attempt 4") < log.findIndex((line) => line.endsWith("warning")), "after 3 retries");
  assert.equal(plan.outcome, "failed");
  plan.acknowledged(plan.attempts, last);
  assert.equal(plan.outcome, "retried");
});

test("a stop that hangs does not keep the next one back, and counts if it comes home late", () => {
  const { plan, log, at } = planned({ escalateAfterMs: Infinity });
  at(1100);
  assert.deepEqual(log, ["0 attempt 1", "1100 attempt 2"]);
  plan.acknowledged(1, 1150);
  assert.equal(plan.acknowledgedAt, 1150);
});

test("without retries the first failure is told", () => {
  const { plan, log } = planned({ retries: 0 });
  assert.equal(plan.outcome, "pending");
  plan.failed(1, 0);
  assert.equal(plan.outcome, "failed");
  assert.deepEqual(log, ["0 attempt 1", "0 warning"]);
});

test("escalation comes once after its own time, and anew when an acknowledged stop is in doubt again", () => {
  const { plan, log, at } = planned();
  at(450).acknowledged(1, 450);
  at(600).again(600);
  at(1099);
  assert.deepEqual(log, ["0 attempt 1", "600 attempt 2"]);
  at(1100);
  assert.equal(log.at(-1), "1100 escalate");
  at(1101).acknowledged(2, 1101);
  assert.equal(plan.outcome, "escalated");
});

test("an attempt from before the last settling proves nothing", () => {
  const { plan, at } = planned();
  at(10).again(10);
  plan.acknowledged(1, 20);
  assert.equal(plan.acknowledgedAt, undefined);
  plan.acknowledged(2, 30);
  assert.equal(plan.acknowledgedAt, 30);
});

test("a failure is counted once: not by its timeout and its error both", () => {
  const { plan, log, at } = planned({ escalateAfterMs: Infinity });
  at(1000);
  plan.failed(1, 1001);
  at(1100);
  plan.failed(1, 1101);
  assert.deepEqual(log, ["0 attempt 1", "1100 attempt 2"]);
});
