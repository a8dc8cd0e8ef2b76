// `npm test`: installs and builds what is missing, then runs every built test. The last line says how it went:
// "N passed, N failed" or "N passed, N failed, N skipped". With CI=true a skipped test fails the run.
//   npm test -- --only PART   runs only the files whose path holds PART
//   npm test -- --no-build    runs what is built already
import { existsSync, readdirSync } from "node:fs";
import { relative } from "node:path";
import { run } from "node:test";
import { inspect, parseArgs } from "node:util";
import { onEnd, prepare, ROOT } from "./prepare.mjs";

/** The longest a file of tests may take; the slowest measured one takes well under half of it. */
const FILE_LIMIT_MS = 600_000;
/** Unit tests share the machine's cores; those that span processes measure time, and get the machine for themselves. */
const GROUPS = [
  { name: "packages and apps", folders: ["packages", "apps"], concurrency: 2 },
  { name: "system", folders: ["tests"], concurrency: 1 },
];

const { values } = parseArgs({ options: { only: { type: "string" }, "no-build": { type: "boolean" } } });
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const skips = [];
const abort = new AbortController();

try {
  if (!values["no-build"]) await prepare();
} catch (error) {
  finish([`npm test: ${error.message}`]);
}

onEnd((code) => {
  abort.abort();
  process.stdout.write("interrupted\n");
  process.exit(code);
});

const groups = GROUPS.map((group) => ({ ...group, files: group.folders.flatMap(findTests) }));
for (const group of groups) {
  if (group.files.length === 0) continue;
  process.stdout.write(`\n${group.name}: ${group.files.length} files\n`);
  await runFiles(group);
}
if (groups.every((group) => group.files.length === 0)) finish(["npm test: no test was found"]);
finish([]);

/** Built tests below `folder` whose source is still there: a deleted test must not run on out of an old build. */
function findTests(folder) {
  const base = `${ROOT}${folder}`;
  if (!existsSync(base)) return [];
  const packages = existsSync(`${base}/package.json`) ? [base] : readdirSync(base).map((name) => `${base}/${name}`);
  return packages
    .filter((directory) => existsSync(`${directory}/dist`))
    .flatMap((directory) =>
      readdirSync(`${directory}/dist`, { recursive: true })
        .filter((file) => file.endsWith(".test.js") && !file.includes("node_modules"))
        .filter((file) => {
          const source = file.replace(/\.js$/, ".ts");
          return existsSync(`${directory}/src/${source}`) || existsSync(`${directory}/${source}`);
        })
        .map((file) => `${directory}/dist/${file}`),
    )
    .filter((file) => values.only === undefined || file.slice(ROOT.length).replace("dist/", "").includes(values.only))
    .sort();
}

async function runFiles({ files, concurrency }) {
  const outputs = new Map();
  const stream = run({ files, concurrency, timeout: FILE_LIMIT_MS, signal: abort.signal });
  for await (const { type, data } of stream) {
    if (type === "test:stdout" || type === "test:stderr") {
      outputs.set(data.file, (outputs.get(data.file) ?? "") + data.message);
    } else if (type === "test:pass") {
      onPass(data);
    } else if (type === "test:fail") {
      onFail(data, outputs);
    }
  }
}

function onPass(data) {
  if (data.details.type === "suite") return;
  const reason = data.skip ?? data.todo;
  if (reason !== undefined && reason !== false) {
    counts.skipped++;
    const line = `SKIPPED ${titleOf(data)}: ${reason === true || reason === "" ? "no reason given" : reason}`;
    skips.push(line);
    process.stdout.write(`${line}\n`);
  } else if (data.name === data.file) {
    fail(data, "the file holds no test");
  } else {
    counts.passed++;
    process.stdout.write(`ok ${titleOf(data)}\n`);
  }
}

function onFail(data, outputs) {
  const error = data.details.error;
  // The tests below it have been counted; their parent fails for no reason of its own.
  if (error?.failureType === "subtestsFailed") return;
  const output = outputs.get(data.file);
  fail(
    data,
    `${inspect(error?.cause ?? error)}${output === undefined ? "" : `\noutput of the file so far:\n${output}`}`,
  );
}

function fail(data, text) {
  counts.failed++;
  const failure = `FAILED ${titleOf(data)}\n${text.replace(/^/gm, "    ")}`;
  failures.push(failure);
  process.stdout.write(`${failure}\n`);
}

function titleOf({ file, name }) {
  const place =
    file === undefined
      ? ""
      : relative(ROOT, file)
          .replace(/\/dist\//, "/")
          .replace(/\.js$/, ".ts");
  return name === file ? place : `${place}: ${name}`;
}

/** Says everything that went wrong once more, then the sum, and ends. */
function finish(errors) {
  counts.failed += errors.length;
  const inCi = process.env.CI === "true";
  const again = [...skips, ...failures, ...errors];
  if (again.length > 0) process.stdout.write(`\n${again.join("\n")}\n`);
  if (inCi && counts.skipped > 0)
    process.stdout.write("\nin CI nothing may be skipped: install what the skipped tests need\n");
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  process.exit(counts.failed > 0 || (inCi && counts.skipped > 0) ? 1 : 0);
}
