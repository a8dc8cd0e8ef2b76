import assert from "node:assert/strict";
import { test } from "node:test";
import { MUTATIONS, type Mutation } from "./mutations.js";
import { trySimulator, tryUnitTests, type Verdict } from "./try-mutant.js";

/** Set: every mutation is tried both ways and on many more episodes, which takes some ten minutes. */
const IS_LONG = process.env.VIGIL_MUTATIONS === "all";
/** Episodes that are looked through when the recorded one shows nothing (any change of the simulator moves them all). */
const EPISODES = IS_LONG ? 200 : 60;
/** One child process at the longest, in ms: it is the episodes that bound it, this only what hangs. */
const LIMIT_MS = 300_000;
/** Unit tests share the machine's two cores with whatever else runs. */
const AT_ONCE = 2;

async function bySimulator(mutation: Mutation): Promise<Verdict> {
  if (mutation.seed !== undefined) {
    const verdict = await trySimulator(mutation, { seed: mutation.seed, episodes: 1 }, LIMIT_MS);
    if (verdict.caught) return verdict;
  }
  return trySimulator(mutation, { seed: 1, episodes: EPISODES }, LIMIT_MS);
}

test("what is not mutated is caught by nothing", async () => {
  assert.deepEqual(
    await trySimulator(undefined, { seed: 1, episodes: 2 }, LIMIT_MS).then(({ caught }) => caught),
    false,
  );
  assert.deepEqual(await tryUnitTests(undefined, LIMIT_MS), { caught: false, how: "every test passed" });
});

test("names are told apart, and a simulator that is worth its name catches at least fifteen", () => {
  assert.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length);
  assert.ok(MUTATIONS.filter(({ caughtBy }) => caughtBy === "simulator").length >= 15);
});

test("planted mistakes", { concurrency: AT_ONCE }, async (t) => {
  const all = MUTATIONS.map((mutation) =>
    t.test(`${mutation.caughtBy}: ${mutation.name}`, async (each) => {
      const tries: [string, () => Promise<Verdict>][] = [
        ["simulator", () => bySimulator(mutation)],
        ["unit", () => tryUnitTests(mutation, LIMIT_MS)],
      ];
      for (const [name, attempt] of tries) {
        if (!IS_LONG && name !== mutation.caughtBy) continue;
        const { caught, how } = await attempt();
        each.diagnostic(`${name}: ${caught ? "caught" : "not caught"}: ${how}`);
        if (name === mutation.caughtBy) assert.ok(caught, how);
      }
    }),
  );
  await Promise.all(all);
});
