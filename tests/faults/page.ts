import type { Machine } from "../bench/report.js";
import { failuresOf, type Row } from "./outcome.js";
import type { Victim } from "./scenario.js";

export interface MatrixReport {
  readonly machine: Machine;
  readonly windowMs: number;
  readonly quietLimitMs: number;
  /** Rows that were asked for: a run that was ended early has fewer. */
  readonly asked: number;
  readonly rows: readonly Row[];
}

const VICTIMS: Readonly<Record<Victim, string>> = {
  client: "The client that moves the robot",
  gateway: "The gateway",
  agent: "A part-agent",
  store: "The lease store (Redis)",
  LAN: "The robot's own network",
  machine: "The machine",
};

const HEAD = [
  "fault",
  "client",
  "session",
  "leases",
  "part",
  "runs",
  "stopped after",
  "after last sign",
  "promised",
  "limit",
  "acted after",
  "healthy: sent, lost, late, slowest",
  "outcome",
];

/** One line for whoever watches the run. */
export function formatRow(row: Row): string {
  return linesOf(row)
    .map((cells) => cells.join(" | "))
    .join("\n");
}

export function formatPage(report: MatrixReport): string {
  const { machine, windowMs, quietLimitMs, asked, rows } = report;
  const failed = rows.filter(({ outcomes }) => outcomes.some((outcome) => failuresOf(outcome).length > 0)).length;
  const runs = rows.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
  return `# Fault matrix

Written by \`node tests/dist/faults/main.js --page docs/fault-matrix.md\` (as root: it makes network namespaces), which goes through
every fault of [tests/faults](../tests/faults) on real processes. ${runs} runs of ${rows.length} rows (of ${asked}); rows with a failed run: ${failed}. The same list, each
fault once, is a test of every change (\`tests/faults/matrix.test.ts\`).

Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; load of the minute before: ${machine.load}.
Everything runs on it at once. Window ${windowMs} ms, quiet limit of clients without a session ${quietLimitMs} ms; the rest is as configured by default.
The parts \`main\` and \`arm\` and the lost client are each in a network namespace of their own; parts are linked over data channels.

## What is measured

In each run a client moves the base (part \`main\`) and the arm (part \`arm\`); then the fault comes, at an instant uniform over the window.

- *Stopped after*: from the instant before the fault to the last moving device's receipt of its stop, p50 and maximum over the runs, in ms, on
  one CLOCK_MONOTONIC. *never*: a device got none; such a row fails the whole run.
- *After last sign*: the same from the session's last sign of life as the gateway's record tells it (maximum); "-" where the gateway was the victim, or noted none.
- *Promised*: the bound by the rules. *Limit*: what a run may take here before it fails: this is a check that everything stops on a machine that does other
  things as well, not a benchmark. Distributions at the 99th percentile are in [benchmarks.md](benchmarks.md).
- A run in which this machine did not let a part-agent turn for a quarter of a second, so that its guard stopped everybody's motions (or its sentinel ended
  it), though the agent was not the victim, is played again, at most twice.
- *Acted after*: commands that moved a device after its stop, until the fault was mended and something new was commanded: runaways.
- *Healthy*: a second client on a connection of its own commands motors of its own on both parts (on the unharmed part, where one was the victim) and reads
  a sensor, ten times a second each. Commands sent, lost, and refused as older than
  \`max_command_age\` (a busy machine does that without any fault), and the slowest answer in ms. "-": the fault takes everybody's robot away.
- *Outcome*: \`ok\`: stopped within the limit, nothing acted, nobody else noticed, and new commands moved both parts once it was mended. For troubles that a session
  has to live through (loss, delay, busy cores) three windows of it come before the fault, and suspensions in them are told.

${Object.entries(VICTIMS)
  .map(([victim, title]) => [title, rows.filter(({ scenario }) => scenario.victim === victim)] as const)
  .filter(([, own]) => own.length > 0)
  .map(([title, own]) => `## ${title}\n\n${table(own)}\n\n${boundsOf(own)}`)
  .join("\n\n")}
`;
}

function table(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(HEAD), line(HEAD.map(() => "---")), ...rows.flatMap(linesOf).map(line)].join("\n");
}

/** One line for each part. */
function linesOf({ scenario, variant, outcomes }: Row): string[][] {
  const about = [scenario.fault, variant.client, variant.session, variant.store];
  const parts = [...new Set(outcomes.flatMap((outcome) => outcome.parts.map(({ part }) => part)))];
  const verdict = verdictOf(outcomes);
  if (parts.length === 0) return [[...about, "-", String(outcomes.length), "never", "-", "-", "-", "-", "-", verdict]];
  return parts.map((name) => {
    const own = outcomes.flatMap((outcome) => outcome.parts.filter(({ part }) => part === name));
    const times = own.map(({ stoppedAfterMs }) => stoppedAfterMs).sort((a, b) => a - b);
    const signs = own.map(({ afterLastSignMs }) => afterLastSignMs).filter((ms) => ms !== undefined);
    const { promisedMs, limitMs } = own[0]!.bound;
    return [
      ...about,
      name,
      String(own.length),
      `${ms(times[Math.ceil(times.length / 2) - 1]!)}, max ${ms(times.at(-1)!)}`,
      signs.length === 0 ? "-" : ms(Math.max(...signs)),
      String(promisedMs),
      String(limitMs),
      String(own.reduce((sum, { actedAfter }) => sum + actedAfter, 0)),
      healthyOf(outcomes),
      verdict,
    ];
  });
}

function healthyOf(outcomes: Row["outcomes"]): string {
  const sent = outcomes.reduce((sum, { healthy }) => sum + healthy.sent, 0);
  if (sent === 0) return "-";
  const lost = outcomes.reduce((sum, { healthy }) => sum + healthy.lost, 0);
  const late = outcomes.reduce((sum, { healthy }) => sum + healthy.late, 0);
  return `${sent}, ${lost}, ${late}, ${ms(Math.max(...outcomes.map(({ healthy }) => healthy.slowestMs)))}`;
}

function verdictOf(outcomes: Row["outcomes"]): string {
  const failed = outcomes.filter((outcome) => failuresOf(outcome).length > 0).length;
  const suspensions = outcomes.reduce((sum, outcome) => sum + outcome.suspensions, 0);
  const told = suspensions > 0 ? `, ${suspensions} suspensions` : "";
  return `${failed === 0 ? "ok" : `FAILED in ${failed} of ${outcomes.length}`}${told}`;
}

/** Each bound of a table with its reason. */
function boundsOf(rows: readonly Row[]): string {
  const bounds = rows.flatMap(({ outcomes }) => outcomes.flatMap(({ parts }) => parts.map(({ bound }) => bound)));
  const lines = bounds.map(({ promisedMs, limitMs, reason }) => `- ${promisedMs} ms (limit ${limitMs}): ${reason}.`);
  return [...new Set(lines)].join("\n");
}

const ms = (value: number) => (Number.isFinite(value) ? value.toFixed(value < 100 ? 1 : 0) : "never");
