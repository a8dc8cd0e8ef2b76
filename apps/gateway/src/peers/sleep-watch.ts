import { uptime } from "node:os";
import { type Clock, every, type Timer } from "@vigil/shared";

/** How often the two clocks are compared, in ms: as often as a part's guard does (rules.md, R5). */
const LOOK_MS = 50;
/**
 * From here on the clocks have stepped against each other, in ms: as much as a part's guard takes for a sleep. The
 * boot-time clock is read in hundredths of a second.
 */
const STEP_MS = 250;

/** CLOCK_BOOTTIME in ms: goes on while the machine sleeps, which CLOCK_MONOTONIC does not. */
export const machineBootTimeMs = (): number => uptime() * 1000;

/** Tells for how long, in ms, this machine has slept whenever it has. */
export function watchSleep(clock: Clock, bootTimeMs: () => number, slept: (ms: number) => void): Timer {
  const difference = () => bootTimeMs() - clock.now();
  let seen = difference();
  return every(clock, LOOK_MS, () => {
    const now = difference();
    const stepMs = now - seen;
    // Drift is taken along: only what happens between two looks is a step.
    seen = now;
    if (stepMs > STEP_MS) slept(stepMs);
  });
}
