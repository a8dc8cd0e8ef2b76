import assert from "node:assert/strict";
import { test } from "node:test";
import { runEpisode } from "./episode.js";
import { type RunSummary, runEpisodes } from "./run-episodes.js";

/** Episodes with fixed seeds: the same for everyone, so that a change that breaks one shows. */
const FIXED = 20;
/** Time for fresh seeds, in ms of this process's CPU: another place each run, printed. */
const FRESH_CPU_MS = 12_000;
/** Rows of found.md: what broke once is played again. */
const FOUND: Readonly<Record<string, number>> = {
  "1 client Stop of one motor": 11,
  "2 endless motion beside motion with an end": 53,
  "3 driver that ignores its abort on a slow bus": 140,
  "4 client Stop that fails": 617,
};

const tell = ({ episodes, robotHours, coreHours, figures }: RunSummary) =>
  `${episodes} episodes, ${robotHours.toFixed(2)} robot-hours, ${(robotHours / coreHours).toFixed(0)} per core-hour, ${JSON.stringify(figures)}`;

test("an episode is the same each time it is played", async () => {
  const [first, again] = [await runEpisode(7), await runEpisode(7)];
  assert.deepEqual(again, first);
  assert.ok(first.figures.writes > 0 && first.figures.stops > 0);
});

test("fixed seeds: no promise is broken", async (t) => {
  const summary = await runEpisodes(Array.from({ length: FIXED }, (_, index) => index + 1));
  t.diagnostic(tell(summary));
  // A simulation in which nothing happens proves nothing.
  assert.ok(summary.figures.writes > 1000 && summary.figures.lapses > 10 && summary.figures.fences > 50);
});

test("fresh seeds: no promise is broken", async (t) => {
  const first = Number(process.hrtime.bigint() % 1_000_000_000n);
  t.diagnostic(`from seed ${first}`);
  const from = process.cpuUsage();
  const spentMs = () => {
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1000;
  };
  function* seeds() {
    for (let seed = first; ; seed += 1) yield seed;
  }
  t.diagnostic(tell(await runEpisodes(seeds(), (episodes) => episodes > 0 && spentMs() > FRESH_CPU_MS)));
});

for (const [name, seed] of Object.entries(FOUND)) {
  test(`found ${name}: seed ${seed}`, async () => {
    await runEpisode(seed);
  });
}
