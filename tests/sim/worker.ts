import { parentPort } from "node:worker_threads";
import { Violation } from "./checkers.js";
import { EPISODE_SHAPES, runEpisode } from "./episode.js";
import { addEpisode, addSummary, EMPTY_SUMMARY, type RunSummary } from "./run-episodes.js";

/** Episodes of the seeds `from` to `to` - 1. */
export interface Batch {
  readonly from: number;
  readonly to: number;
  readonly shape: keyof typeof EPISODE_SHAPES;
  readonly detailed: boolean;
}

export interface BatchResult {
  readonly summary: RunSummary;
  readonly violations: readonly { readonly seed: number; readonly message: string }[];
}

// A simulated robot refuses thousands of commands a second, and nobody reads the stacks of those errors.
Error.stackTraceLimit = 0;

parentPort!.on("message", (batch: Batch) => {
  play(batch).then((result) => parentPort!.postMessage(result));
});

async function play({ from, to, shape, detailed }: Batch): Promise<BatchResult> {
  let summary = EMPTY_SUMMARY;
  const violations: { seed: number; message: string }[] = [];
  // User and system time of this thread alone: robot-hours are told per core-hour.
  const before = performance.eventLoopUtilization();
  for (let seed = from; seed < to; seed += 1) {
    try {
      summary = addEpisode(summary, await runEpisode(seed, { detailed, shape: EPISODE_SHAPES[shape] }));
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violations.push({ seed, message: error.message });
    }
  }
  const coreHours = performance.eventLoopUtilization(before).active / 3.6e6;
  return { summary: addSummary(summary, { ...EMPTY_SUMMARY, coreHours }), violations };
}
