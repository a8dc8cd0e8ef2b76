import { parseDurationMs } from "../duration.js";
import type { Path, ProblemList } from "./problem.js";

const DEFAULT_HEARTBEAT_WINDOW_MS = 2000;
/** Under this a window is accepted with a warning (rules.md, R3). */
const WARN_HEARTBEAT_WINDOW_MS = 250;
/** Least challenges in one window (rules.md, R1). */
const CHALLENGES_PER_WINDOW = 10;
/** Chance that one challenge stays unanswered at 10 % loss each way. */
const CHALLENGE_LOSS = 1 - 0.9 * 0.9;
const HOUR_MS = 3_600_000;

/** The window in ms, with a warning where it is so short that a live session will lapse now and then. */
export function compileWindowMs(text: string | undefined, problems: ProblemList, path: Path): number {
  const windowMs = text === undefined ? DEFAULT_HEARTBEAT_WINDOW_MS : parseDurationMs(text);
  if (windowMs < WARN_HEARTBEAT_WINDOW_MS) {
    problems.add(
      "warning",
      path,
      `a window of ${windowMs} ms ends live sessions: expect about ${falseLapsesPerHour(windowMs)} false lapses an hour and ` +
        `session at 10 % packet loss, and one more for every pause of network or process of ${windowMs} ms; ` +
        `${WARN_HEARTBEAT_WINDOW_MS}ms or more is advised`,
    );
  }
  return windowMs;
}

/** Windows an hour, times the chance that all challenges of one window are lost. */
function falseLapsesPerHour(windowMs: number): string {
  return ((HOUR_MS / windowMs) * CHALLENGE_LOSS ** CHALLENGES_PER_WINDOW).toPrecision(2);
}
