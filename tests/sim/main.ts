import { parseArgs } from "node:util";
import { Violation } from "./checkers.js";
import { runEpisodes } from "./run-episodes.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    episodes: { type: "string", default: "1" },
    detailed: { type: "boolean", default: false },
  },
});
// Fresh seeds unless one is named: each run looks somewhere else, and prints where.
const first = values.seed === undefined ? Number(process.hrtime.bigint() % 1_000_000_000n) : Number(values.seed);
const count = Number(values.episodes);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write("usage: sim [--seed N] [--episodes K] [--detailed]\n");
  process.exit(2);
}
process.stdout.write(`seeds ${first} to ${first + count - 1}\n`);
try {
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  const { robotHours, coreHours, figures } = await runEpisodes(seeds, undefined, { detailed: values.detailed });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  process.stdout.write(
    `${count} episodes, ${robotHours.toFixed(2)} robot-hours, ${(robotHours / coreHours).toFixed(0)} robot-hours per core-hour, no violation\n`,
  );
} catch (error) {
  if (!(error instanceof Violation)) throw error;
  process.stdout.write(`${error.message}\n`);
  process.exit(1);
}
