import { CHALLENGES_PER_WINDOW } from "./bounds.js";

/** Unanswered challenges after which a client is in doubt. */
const DOUBTFUL_AFTER = 2;
/** So many times as often a client in doubt is challenged. */
const DOUBTFUL_FACTOR = 4;
/**
 * No shorter than this, in ms: timers of Node turn once a millisecond and come a few late on a busy machine, and at 200
 * a second the probes of one peer and their answers take about 2 % of a core. A window of 30 ms, the shortest that the
 * configuration accepts, still has six.
 */
const SHORTEST_PERIOD_MS = 5;

/**
 * Until the next challenge, in ms: ten a window (R1), and four times as often while two in a row have gone
 * unanswered. Ten are enough against losses that know nothing of each other; what a burst of loss leaves of a window is
 * not (scenario 35: 500 ms out of 2 s at 10 % loss ended a session every five hours).
 *
 * @param silentMs since the sending of the last challenge that was answered
 */
export function challengePeriodMs(windowMs: number, silentMs = 0): number {
  const steadyMs = windowMs / CHALLENGES_PER_WINDOW;
  const isDoubtful = silentMs > (DOUBTFUL_AFTER + 0.5) * steadyMs;
  return Math.max(SHORTEST_PERIOD_MS, isDoubtful ? steadyMs / DOUBTFUL_FACTOR : steadyMs);
}
