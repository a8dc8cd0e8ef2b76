import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { clientMissing } from "../rig/clients/index.js";
// Ends whatever is left when a test ran into its limit.
import "../rig/limit.js";
import { monotonicMs } from "../rig/until.js";
import { definite } from "./bounds.js";
import { byStore, MATRIX, nameOfCase, onePerFault } from "./matrix.js";
import { failuresOf, hasFailed, type Outcome, type Row } from "./outcome.js";
import { formatPage } from "./page.js";
import { play } from "./play.js";
import type { Scenario, StoreKind } from "./scenario.js";
import { type Stage, stageMissing, startStage } from "./stage.js";

// Each fault once, on a shorter window than the page's. Bounds in time are the page's affair: here it has to stop,
// nothing may act afterwards, a healthy client loses nothing, and new commands flow once it is mended.

const WINDOW = "1s";
const QUIET_LIMIT = { text: "3s", ms: 3000 };
/** A scene takes seconds; its first one starts a robot, which a busy machine may take a minute or two for. */
const SCENE_LIMIT = { timeout: 300_000 };
/** The phase of a beat is left to the page, which takes many runs. */
const PHASE_MS = 200;

/** What is too late on a busy machine is no mistake; what never comes is. */
const mistakesOf = (outcome: Outcome): string[] =>
  failuresOf({
    ...outcome,
    parts: outcome.parts.map((part) => ({ ...part, bound: { ...part.bound, limitMs: Number.MAX_VALUE } })),
  });

/** Everything stopped and nothing acted afterwards: that is never given a second chance. */
const isSafe = ({ parts }: Outcome): boolean =>
  parts.length > 0 && parts.every(({ stoppedAfterMs, actedAfter }) => stoppedAfterMs < Infinity && actedAfter === 0);

for (const [store, cases] of byStore(onePerFault())) {
  describe(`fault matrix, leases in ${store}`, { skip: stageMissing(store) ?? false, concurrency: 1 }, () => {
    const scene = stageFor(store);
    for (const each of cases) {
      test(nameOfCase(each), SCENE_LIMIT, async (t) => {
        const missing = clientMissing(each.variant.client);
        if (missing) return t.skip(missing);
        const playRow = () => scene.on((stage) => play(stage, each.scenario, each.variant, { phaseMs: PHASE_MS }));
        const outcome = await playRow();
        if (isSafe(outcome) && mistakesOf(outcome).length > 0) {
          // What a bystander noticed may be the machine's doing: a mistake of the robot's own comes again.
          t.diagnostic(`played again: ${mistakesOf(outcome).join("; ")}`);
          return assert.deepEqual(mistakesOf(await playRow()), []);
        }
        assert.deepEqual(mistakesOf(outcome), []);
      });
    }
  });
}

describe("the matrix itself", () => {
  test("every fault of the list stands for somebody, and each variant once", () => {
    for (const scenario of MATRIX) {
      const names = scenario.variants.map((variant) => nameOfCase({ scenario, variant }));
      assert.ok(names.length > 0, scenario.fault);
      assert.equal(new Set(names).size, names.length, scenario.fault);
    }
    assert.equal(new Set(MATRIX.map(({ victim, fault }) => `${victim}: ${fault}`)).size, MATRIX.length);
  });

  test("42: a run without a stop is infinite, and fails the matrix and its page", SCENE_LIMIT, async (t) => {
    const missing = stageMissing("memory");
    if (missing) return t.skip(missing);
    const harmless: Scenario = {
      victim: "client",
      fault: "none at all",
      variants: [{ client: "raw-grpc", session: "implicit", store: "memory" }],
      motion: "both",
      bound: definite,
      unharmed: { motors: [], readings: true },
      inject: async () => ({ at: monotonicMs() }),
    };
    const scene = stageFor("memory");
    const outcome = await scene.on((stage) => play(stage, harmless, harmless.variants[0]!, { phaseMs: 0 }));
    await scene.close();
    assert.deepEqual(
      outcome.parts.map(({ stoppedAfterMs }) => stoppedAfterMs),
      [Infinity, Infinity],
    );
    assert.deepEqual(mistakesOf(outcome), ["main never stopped", "arm never stopped"]);
    const rowWith = (...outcomes: Outcome[]): Row => ({ scenario: harmless, variant: harmless.variants[0]!, outcomes });
    const stopped: Outcome = { ...outcome, parts: outcome.parts.map((part) => ({ ...part, stoppedAfterMs: 90 })) };
    assert.equal(hasFailed([rowWith(stopped)]), false);
    assert.equal(hasFailed([rowWith(stopped), rowWith(stopped, outcome)]), true);
    assert.equal(hasFailed([rowWith()]), true, "a row that was never run");
    assert.equal(hasFailed([]), true, "no rows at all");
    const page = formatPage({
      machine: { processor: "p", cores: 2, memoryGb: 4, kernel: "k", node: "n", load: 0 },
      windowMs: 1000,
      quietLimitMs: 3000,
      asked: 1,
      rows: [rowWith(stopped, outcome)],
    });
    assert.match(page, /max never .* FAILED in 1 of 2/);
  });
});

/** One stage for many scenes, made anew after one that failed: what went wrong must not go on. */
function stageFor(store: StoreKind): { on<T>(use: (stage: Stage) => Promise<T>): Promise<T>; close(): Promise<void> } {
  let stage: Stage | undefined;
  const close = async () => {
    await stage?.stop();
    stage = undefined;
  };
  after(close);
  return {
    close,
    async on(use) {
      stage ??= await startStage({ store, window: WINDOW, quietLimit: QUIET_LIMIT });
      try {
        return await use(stage);
      } catch (error) {
        await close();
        throw error;
      }
    },
  };
}
