import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { endAll } from "../rig/living.js";
import {
  compare,
  describeMachine,
  failuresOf,
  formatFigures,
  formatPage,
  type MeasuredSection,
  readFigures,
  toJson,
} from "./report.js";
import { type BenchOptions, DEFAULT_RUNS, show, table } from "./section.js";
import { SECTIONS } from "./sections.js";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: String(DEFAULT_RUNS) },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    page: { type: "string" },
    json: { type: "string" },
    compare: { type: "string" },
  },
});

const only = values.only?.split(",");
const unknown = only?.filter((name) => !SECTIONS.some((section) => section.name === name)) ?? [];
const runs = Number(values.runs);
if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(
    unknown.length > 0
      ? `there is no section ${unknown.join(", ")}: there are ${SECTIONS.map(({ name }) => name).join(", ")}\n`
      : `--runs ${values.runs}: give a whole number from 1 on\n`,
  );
  process.exit(2);
}

// What is measured must not outlive whoever measures.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(1);
  });
}

const machine = describeMachine();
const begunAt = performance.now();
const say = (text: string) =>
  process.stderr.write(`${String(Math.round((performance.now() - begunAt) / 1000)).padStart(4)} s  ${text}\n`);
const options: BenchOptions = { quick: values.quick, runs, say };

const sections: MeasuredSection[] = [];
for (const { name, title, measure, isQuick } of SECTIONS) {
  if (only !== undefined ? !only.includes(name) : values.quick && !isQuick) continue;
  say(title);
  const at = performance.now();
  const result = await measure(options).catch((error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    return { figures: [], details: "", failures: [`it could not be measured: ${error.message.split("\n")[0]}`] };
  });
  sections.push({ name, title, ...result, seconds: Math.round((performance.now() - at) / 1000) });
}

if (only !== undefined)
  for (const { title, details } of sections) process.stdout.write(`## ${title}\n\n${details}\n\n`);
const report = { machine, runs, sections };
const figures = sections.flatMap((section) => section.figures);
process.stdout.write(
  `${machine.processor}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load}\n\n${formatFigures(figures)}\n\n` +
    `${sections.map(({ name, seconds }) => `${name}: ${seconds} s`).join(", ")}\n`,
);
if (values.compare !== undefined && existsSync(values.compare)) tellChanges(readFileSync(values.compare, "utf8"));
if (values.json) writeFileSync(values.json, toJson(report));
if (values.page) writeFileSync(values.page, formatPage(report));
const failures = failuresOf(report);
for (const failure of failures) process.stderr.write(`the bench fails: ${failure}\n`);
endAll();
process.exit(failures.length > 0 ? 1 : 0);

/** Beside the figures of an earlier run. Another machine, or a busy one, makes a ratio of its own: it only warns. */
function tellChanges(earlier: string): void {
  const changes = compare(figures, readFigures(earlier));
  process.stdout.write(
    `\n${table(
      ["figure", "before", "now", "ratio"],
      changes.map(({ figure, before, ratio }) => [figure.what, show(before), show(figure.value), show(ratio)]),
    )}\n`,
  );
  for (const { figure, ratio } of changes.filter(({ isWorse }) => isWorse)) {
    process.stdout.write(`warning: ${figure.what}: ${show(ratio)} times what it was\n`);
  }
}
