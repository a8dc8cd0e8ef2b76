import type { Clock } from "../clock.js";

/** A clock that stands still until it is told to go on. Timers that come due run in order, each at its own instant. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** Time passes while the process stands still: what comes due meanwhile runs late, at the next `advance`. */
  pause(ms: number): void;
  /** Timers that have neither run nor been cancelled. */
  readonly timers: number;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

export function createManualClock(startMs = 0): ManualClock {
  let now = startMs;
  let order = 0;
  const timers = new Set<Due>();

  function nextUntil(end: number): Due | undefined {
    let first: Due | undefined;
    for (const due of timers) {
      if (due.at > end) continue;
      if (!first || due.at < first.at || (due.at === first.at && due.order < first.order)) first = due;
    }
    return first;
  }

  return {
    now: () => now,
    wall: () => now,
    after(delayMs, task) {
      const due = { at: now + Math.max(0, delayMs), order: order++, task };
      timers.add(due);
      return { cancel: () => timers.delete(due) };
    },
    advance(ms) {
      const end = now + ms;
      for (let due = nextUntil(end); due; due = nextUntil(end)) {
        timers.delete(due);
        now = Math.max(now, due.at);
        due.task();
      }
      now = end;
    },
    pause(ms) {
      now += ms;
    },
    get timers() {
      return timers.size;
    },
  };
}
