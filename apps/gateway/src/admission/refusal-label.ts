/** Reasons of refusals as the metric's closed set of labels has them. */
const LABELS: ReadonlyMap<string, string> = new Map([
  ["session_ended", "session_ended"],
  ["stale", "stale"],
  ["fenced", "fenced"],
  ["stopping", "fenced"],
  ["rearm", "rearm"],
  ["unauthenticated", "unauthenticated"],
  ["limit", "limit"],
]);

/** The label `reason` of vigil_commands_refused_total; undefined for a reason that has none of its own. */
export const refusalLabel = (reason: string): string | undefined => LABELS.get(reason);
