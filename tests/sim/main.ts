import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { EPISODE_SHAPES } from "./episode.js";
import { addSummary, EMPTY_SUMMARY, type RunSummary, summarized } from "./run-episodes.js";
import type { Batch, BatchResult } from "./worker.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    episodes: { type: "string", default: "1" },
    shape: { type: "string", default: "long" },
    workers: { type: "string", default: String(availableParallelism()) },
    detailed: { type: "boolean", default: false },
  },
});
// Fresh seeds unless one is named: each run looks somewhere else, and prints where.
const first = values.seed === undefined ? Number(process.hrtime.bigint() % 1_000_000_000n) : Number(values.seed);
const count = Number(values.episodes);
const workers = Number(values.workers);
const { detailed } = values;
const shape = shapeOf(values.shape);
const isCount = (number: number) => Number.isSafeInteger(number) && number >= 1;
if (!Number.isSafeInteger(first) || !isCount(count) || !isCount(workers)) badUsage();
process.stdout.write(`seeds ${first} to ${first + count - 1}, ${shape} episodes\n`);

/** Episodes that a worker plays before it tells how it went. */
const BATCH = 500;
/** Violations that are told whole; of the others only the seeds. */
const TOLD_WHOLE = 3;
/** Batches between two lines of progress. */
const PROGRESS = 100;

/** Most of what an episode makes is garbage at its end: a larger nursery saves a tenth of the time. */
const YOUNG_MB = 32;

let next = first;
let batches = 0;
let sum: RunSummary = EMPTY_SUMMARY;
const violations: { readonly seed: number; readonly message: string }[] = [];

function batch(): Batch | undefined {
  if (next >= first + count) return undefined;
  const from = next;
  next = Math.min(first + count, from + BATCH);
  return { from, to: next, shape, detailed };
}

await Promise.all(
  Array.from(
    { length: Math.min(workers, Math.ceil(count / BATCH)) },
    () =>
      new Promise<void>((resolve, reject) => {
        const worker = new Worker(new URL("./worker.js", import.meta.url), {
          resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
        });
        const give = () => {
          const given = batch();
          if (given) worker.postMessage(given);
          else worker.terminate().then(() => resolve(), reject);
        };
        worker.on("message", (result: BatchResult) => {
          sum = addSummary(sum, result.summary);
          violations.push(...result.violations);
          for (const { seed } of result.violations) process.stderr.write(`seed ${seed}: a violation\n`);
          batches += 1;
          if (batches % PROGRESS === 0) process.stderr.write(`${summarized(sum)}; ${violations.length} violations\n`);
          give();
        });
        worker.on("error", reject);
        give();
      }),
  ),
);

process.stdout.write(`${JSON.stringify(sum.figures)}\n`);
for (const { message } of violations.slice(0, TOLD_WHOLE)) process.stdout.write(`${message}\n`);
if (violations.length > 0)
  process.stdout.write(`seeds with a violation: ${violations.map(({ seed }) => seed).join(" ")}\n`);
process.stdout.write(`${summarized(sum)}, ${violations.length === 0 ? "no" : violations.length} violation\n`);
process.exitCode = violations.length === 0 ? 0 : 1;

function shapeOf(name: string): keyof typeof EPISODE_SHAPES {
  return name === "long" || name === "brief" ? name : badUsage();
}

function badUsage(): never {
  process.stderr.write("usage: sim [--seed N] [--episodes K] [--shape long|brief] [--workers W] [--detailed]\n");
  process.exit(2);
}
