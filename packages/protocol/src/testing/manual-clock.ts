import type { Clock } from "@vigil/shared";

/** A clock for tests that stands still until told otherwise. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  readonly timers: number;
}

export function createManualClock(): ManualClock {
  let now = 0;
  const pending = new Map<object, { at: number; task: () => void }>();
  return {
    now: () => now,
    wall: () => now,
    after(delayMs, task) {
      const key = {};
      pending.set(key, { at: now + delayMs, task });
      return { cancel: () => pending.delete(key) };
    },
    advance(ms) {
      now += ms;
      for (const [key, { at, task }] of [...pending]) {
        if (at <= now && pending.delete(key)) task();
      }
    },
    get timers() {
      return pending.size;
    },
  };
}
