import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "@vigil/shared";
import { createArrivalClock } from "./arrival-clock.js";

/** A clock whose timers run only when they are told to, as in a process that was paused. */
function pausableClock() {
  let now = 1000;
  const timers = new Set<{ at: number; task(): void }>();
  const clock: Clock = {
    now: () => now,
    wall: () => now,
    after(delayMs, task) {
      const timer = { at: now + delayMs, task };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
  };
  return {
    clock,
    pass(ms: number) {
      now += ms;
    },
    runTimers() {
      for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.task();
    },
  };
}

test("while the process runs, a packet has arrived now", () => {
  const { clock, pass, runTimers } = pausableClock();
  const arrivals = createArrivalClock(clock);
  for (let turn = 0; turn < 10; turn++) {
    pass(20);
    runTimers();
  }
  pass(7);
  assert.equal(arrivals.arrivedAt(), clock.now());
});

test("what was buffered while the process stood is as old as the pause (scenario 4)", () => {
  const { clock, pass, runTimers } = pausableClock();
  const arrivals = createArrivalClock(clock);
  pass(20);
  runTimers();
  const pausedAt = clock.now();
  pass(1800);
  // Sockets are read before timers run.
  assert.equal(arrivals.arrivedAt(), pausedAt);
  runTimers();
  // And some more of them right after the first late timer.
  assert.equal(arrivals.arrivedAt(), pausedAt);
  pass(20);
  runTimers();
  assert.equal(arrivals.arrivedAt(), clock.now());
});
