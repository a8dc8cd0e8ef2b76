// Goes through the fault matrix on real processes and writes its page:
//   node tests/dist/faults/main.js --page docs/fault-matrix.md [--json FILE] [--runs 3]
//     --only TEXT  only the rows whose name holds it; may be given more than once
//     --add FILE   rows of an earlier run's --json that are not run now; may be given more than once, the last one counts
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "../bench/report.js";
import { clientMissing } from "../rig/clients/index.js";
import { endAll } from "../rig/living.js";
import { allCases, byStore, type Case, nameOfCase } from "./matrix.js";
import { failuresOf, hasFailed, type Outcome, type Row } from "./outcome.js";
import { formatPage, formatRow } from "./page.js";
import { play } from "./play.js";
import type { StoreKind } from "./scenario.js";
import { stageMissing, startStage } from "./stage.js";

const { values } = parseArgs({
  options: {
    page: { type: "string" },
    json: { type: "string" },
    only: { type: "string", multiple: true },
    add: { type: "string", multiple: true, default: [] },
    runs: { type: "string", default: "3" },
    window: { type: "string", default: "2s" },
  },
});
/** Lines of an error that are told. */
const STACK_LINES = 8;
const runs = Number(values.runs);
/** The default of the product. */
const QUIET_LIMIT = { text: "10s", ms: 10_000 };

const machine = describeMachine();
// Each fault has hit somebody before any hits the next one.
const cases = allCases()
  .filter((each) => values.only === undefined || values.only.some((text) => nameOfCase(each).includes(text)))
  .sort((a, b) => rankOf(a) - rankOf(b));
const wanting = [
  ...[...new Set(cases.map(({ variant }) => variant.store))].map(stageMissing),
  ...[...new Set(cases.map(({ variant }) => variant.client))].map(clientMissing),
].filter((missing) => missing !== undefined);
if (wanting.length > 0) throw new Error(wanting.join("\n"));

// What it has made in the kernel goes with the process only when that is let to say goodbye.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.once(signal, () => {
    endAll();
    process.exit(1);
  });
}

/** JSON has no infinity, and a run without a stop must not read like one at once. */
const NEVER = "never";
const earlier = values.add.flatMap((file) => {
  const revive = (_key: string, value: unknown) => (value === NEVER ? Infinity : value);
  return (JSON.parse(readFileSync(file, "utf8"), revive) as { rows: Row[] }).rows;
});
const rows: Row[] = [];
let windowMs = 0;
try {
  for (const [store, own] of byStore(cases)) await playOn(store, own);
  if (hasFailed(rows)) {
    process.stderr.write("the fault matrix fails: see FAILED above\n");
    process.exitCode = 1;
  }
} finally {
  endAll();
}

/** Plays the rows that need one store, on one stage as long as it stays whole. */
async function playOn(store: StoreKind, own: readonly Case[]): Promise<void> {
  const options = { store, window: values.window, quietLimit: QUIET_LIMIT };
  let stage = await startStage(options);
  windowMs = stage.windowMs;
  for (const each of own) {
    const outcomes: Outcome[] = [];
    for (let run = 0; run < runs; run++) {
      try {
        outcomes.push(await play(stage, each.scenario, each.variant, { phaseMs: stage.windowMs }));
      } catch (error) {
        outcomes.push(unplayed(error as Error));
        // What went wrong here must not go on in the next row.
        await stage.stop();
        stage = await startStage(options);
      }
    }
    const { victim, fault } = each.scenario;
    const row: Row = { scenario: { victim, fault }, variant: each.variant, outcomes };
    rows.push(row);
    process.stdout.write(`${formatRow(row)}\n`);
    for (const failure of outcomes.flatMap(failuresOf)) process.stdout.write(`    FAILED: ${failure}\n`);
    write();
  }
  await stage.stop();
}

/** After each row: a run that is ended early has written what it has. */
function write(): void {
  const known = [...earlier, ...rows];
  const inOrder = allCases()
    .map((each) => known.findLast((row) => nameOfCase(row) === nameOfCase(each)))
    .filter((row) => row !== undefined);
  const report = { machine, windowMs, quietLimitMs: QUIET_LIMIT.ms, asked: allCases().length, rows: inOrder };
  if (values.page) writeFileSync(values.page, formatPage(report));
  const never = (_key: string, value: unknown) => (value === Infinity ? NEVER : value);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report, never, 2)}\n`);
}

function rankOf({ scenario, variant }: Case): number {
  return scenario.variants.filter(({ store }) => store === variant.store).indexOf(variant);
}

/** A run that came to no measurement counts as one without a stop. */
function unplayed(error: Error): Outcome {
  return {
    parts: [],
    suspensions: 0,
    falseEnds: 0,
    healthy: { sent: 0, lost: 0, late: 0, slowestMs: 0, stopped: 0, errors: [] },
    commandsFlow: false,
    problems: [`not played: ${(error.stack ?? error.message).split("\n").slice(0, STACK_LINES).join("\n        ")}`],
  };
}
