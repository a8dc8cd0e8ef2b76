import type { PartName } from "../rig/robot.js";
import type { Bound, Scenario, Variant } from "./scenario.js";

/** What a healthy client noticed while another one's world fell apart. */
export interface Noticed {
  readonly sent: number;
  readonly lost: number;
  /** Refused as older than `max_command_age`: a busy machine does that without any fault. */
  readonly late: number;
  readonly slowestMs: number;
  /** Its own motors got stops that it had not sent. */
  readonly stopped: number;
  readonly errors: readonly string[];
}

export interface PartOutcome {
  readonly part: PartName;
  /** From the fault to the last moving device's receipt of its stop; Infinity: one got none. */
  readonly stoppedAfterMs: number;
  /** The same from the session's last sign of life, where the gateway's record tells it. */
  readonly afterLastSignMs: number | undefined;
  readonly bound: Bound;
  /** Commands that moved a device after its stop, until the next client came. */
  readonly actedAfter: number;
}

/** One run of one row. */
export interface Outcome {
  readonly parts: readonly PartOutcome[];
  /** In troubles that a session has to survive: how often it was stopped without having ended. */
  readonly suspensions: number;
  /** An end of a session that had to live. */
  readonly falseEnds: number;
  readonly healthy: Noticed;
  /** Once mended, another client's commands move both parts. */
  readonly commandsFlow: boolean;
  /** Whatever else went wrong. */
  readonly problems: readonly string[];
}

/** All runs of one row. */
export interface Row {
  readonly scenario: Pick<Scenario, "victim" | "fault">;
  readonly variant: Variant;
  readonly outcomes: readonly Outcome[];
}

/** Why a run fails, in words; empty: it stopped in time, nothing acted, nobody else noticed, commands flow again. */
export function failuresOf(outcome: Outcome): string[] {
  const { parts, healthy } = outcome;
  const failures = [...outcome.problems];
  for (const { part, stoppedAfterMs, bound, actedAfter } of parts) {
    if (stoppedAfterMs === Infinity) failures.push(`${part} never stopped`);
    else if (stoppedAfterMs > bound.limitMs) {
      failures.push(`${part} stopped after ${Math.round(stoppedAfterMs)} ms, more than ${bound.limitMs} ms`);
    }
    if (actedAfter > 0) failures.push(`${part} acted ${actedAfter} times after its stop`);
  }
  if (parts.length === 0) failures.push("nothing was measured");
  if (outcome.falseEnds > 0) failures.push("the session ended though it had to live");
  if (healthy.lost > 0) failures.push(`a healthy client lost ${healthy.lost} commands: ${healthy.errors.join("; ")}`);
  if (healthy.stopped > 0) failures.push(`motors of a healthy client got ${healthy.stopped} stops`);
  if (!outcome.commandsFlow) failures.push("no commands flow after it was mended");
  return failures;
}

/** A row without a run, and a run without a stop, fail the whole matrix (scenario 42 of the safety rules). */
export const hasFailed = (rows: readonly Row[]): boolean =>
  rows.length === 0 ||
  rows.some(({ outcomes }) => outcomes.length === 0 || outcomes.some((outcome) => failuresOf(outcome).length > 0));
