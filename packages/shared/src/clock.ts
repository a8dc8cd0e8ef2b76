/** A cancellable timer, as `Clock.after` returns it. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time in Vigil. Safety code receives one; nothing but `systemClock` reads the machine's time.
 *
 * `now()` is CLOCK_MONOTONIC in milliseconds with a fraction. On one machine all processes share it, which is what
 * makes figures measured across processes comparable (rules.md, R9).
 */
export interface Clock {
  /** Monotonic time in ms. Never goes back; its zero means nothing. */
  now(): number;
  /** Wall time in ms since the Unix epoch: for people and logs only, never for a decision. */
  wall(): number;
  /** Runs `task` once, `delayMs` from now at the earliest. */
  after(delayMs: number, task: () => void): Timer;
}

/** The machine's clock. Timers do not keep the process alive by themselves only if `unref` is set. */
export function createSystemClock(): Clock {
  return {
    now: () => Number(process.hrtime.bigint()) / 1e6,
    wall: () => Date.now(),
    after(delayMs, task) {
      const handle = setTimeout(task, Math.max(0, delayMs));
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

/** Repeats `task` every `periodMs` until cancelled; a late turn is not made up for. */
export function every(clock: Clock, periodMs: number, task: () => void): Timer {
  let timer: Timer;
  let cancelled = false;
  const turn = () => {
    if (cancelled) return;
    timer = clock.after(periodMs, turn);
    task();
  };
  timer = clock.after(periodMs, turn);
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
