import { CHALLENGES_PER_WINDOW, LINK_FRESH_MS } from "@vigil/safety";

/**
 * No shorter than this, in ms: timers of Node turn once a millisecond and come a few late on a busy machine, and at 200
 * a second the probes of one link and their answers take about 2 % of a core. A window of 30 ms, the shortest that the
 * configuration accepts, still has six.
 */
const SHORTEST_PERIOD_MS = 5;

/**
 * Between two challenges over a link, in ms: ten in the time for which the answer to one lets a session move, which is
 * the window or a second, whichever is shorter (rules.md, R1, R3).
 *
 * @param windowMs of the gateway, as the welcome says it.
 */
export function linkChallengePeriodMs(windowMs: number): number {
  return Math.max(SHORTEST_PERIOD_MS, Math.min(windowMs, LINK_FRESH_MS) / CHALLENGES_PER_WINDOW);
}
