import { challengePeriodMs, LINK_FRESH_MS } from "@vigil/safety";

/**
 * Between two challenges over a link, in ms: ten in the time for which the answer to one lets a session move, which is
 * the window or a second, whichever is shorter (rules.md, R1, R3).
 *
 * @param windowMs of the gateway, as the welcome says it.
 */
export function linkChallengePeriodMs(windowMs: number): number {
  return challengePeriodMs(Math.min(windowMs, LINK_FRESH_MS));
}
