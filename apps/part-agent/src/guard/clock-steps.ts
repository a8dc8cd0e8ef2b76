import type { Clock } from "@vigil/shared";

/** Notices that the computer slept: the boot-time clock then goes on while the monotonic one stands (rules.md, R5). */
export interface ClockSteps {
  /** True when the two have stepped against each other since the last look. */
  look(): boolean;
}

/**
 * A step from here on counts, in ms: as much as a guard tick may be late (R5). The boot-time clock is read in hundredths
 * of a second.
 */
const STEP_MS = 250;

/** @param bootTimeMs CLOCK_BOOTTIME. */
export function createClockSteps(clock: Pick<Clock, "now">, bootTimeMs: () => number): ClockSteps {
  const difference = () => bootTimeMs() - clock.now();
  let seen = difference();
  return {
    look() {
      const now = difference();
      // Drift is taken along: only what happens between two looks is a step.
      const stepped = Math.abs(now - seen) > STEP_MS;
      seen = now;
      return stepped;
    },
  };
}
