import { readFileSync } from "node:fs";
import { availableParallelism, loadavg, release, totalmem } from "node:os";
import type { LatencyFigures } from "./latency.js";
import type { LossFigures } from "./losses.js";
import type { Distribution } from "./statistics.js";

export interface Report {
  readonly machine: Machine;
  readonly windowMs: number;
  readonly carriers: Readonly<Record<string, string | null>>;
  readonly losses: readonly LossFigures[];
  readonly latencies: readonly LatencyFigures[];
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** How busy it was otherwise: the load of the minute before. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const processor = /^model name\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? process.arch;
  return {
    processor,
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    load: Math.round(loadavg()[0]! * 10) / 10,
  };
}

export const hasFailed = ({ losses }: Report): boolean =>
  losses.some(({ failed, fromLoss }) => failed > 0 || !Number.isFinite(fromLoss.maxMs));

/** Both tables as text: printed, and the body of the page. */
export function formatTables({ losses, latencies }: Report): { losses: string; latencies: string } {
  return {
    losses: table(
      [
        "how the client is lost",
        "runs",
        "from the loss: p50",
        "p99",
        "max",
        "from the last sign of life: p50",
        "p99",
        "max",
        "skew: max",
        "failed",
      ],
      losses.map(({ name, fromLoss, fromLastSign, skew, failed }) => [
        name,
        String(fromLoss.runs),
        ...columns(fromLoss),
        ...columns(fromLastSign),
        ms(skew.maxMs),
        String(failed),
      ]),
    ),
    latencies: table(
      ["client", "part", "in flight", "p50", "p99", "max", "calls/s"],
      latencies.map(({ kind, part, inFlight, times, callsPerSecond }) => [
        kind,
        part,
        String(inFlight),
        ...columns(times),
        String(callsPerSecond),
      ]),
    ),
  };
}

export function formatPage(report: Report): string {
  const { machine, windowMs, carriers } = report;
  const tables = formatTables(report);
  return `# Figures

Written by \`npm run bench\`, which measures them anew on your machine: \`npm run bench -- --runs 200\` for more runs.

Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; load of the minute
before: ${machine.load}. Everything runs on it at once, as processes: the gateway, two part-agents with simulated devices, the
client, the measuring program. Parts are linked over ${[...new Set(Object.values(carriers))].join(" and ")}; leases are in the built-in store.

## From the loss of a client to the last stop

A client of Viam's TypeScript SDK with an explicit session drives the base (part \`main\`) and moves the arm (part \`arm\`), both with
motions that run for minutes. It is lost at an instant uniform over the heartbeat window of ${windowMs} ms. Times in ms, on one
CLOCK_MONOTONIC:

- *From the loss*: from the instant before the signal or call to the last of the three simulated devices' receipt of its stop.
  These figures start at the loss, not at the last sign of life.
- *From the last sign of life*: from the sending of the last challenge that the client answered to the last part's
  acknowledgement, out of the gateway's own timeline (\`/vigil/v1/ends\`).
- *Skew*: between the first and the last device.
- A run in which a device gets no stop, or moves after it, is infinite, and the bench fails.

${tables.losses}

A killed process frees its UDP port, and the kernel refuses what comes to it: the gateway's knock hears that and stops the robot
before the window is over. A stopped process keeps its port: there only the window helps.

## A read through gateway and part

Unary IsMoving of base and arm by the same SDK in Node, in ms as the client sees it.

${tables.latencies}
`;
}

const columns = ({ p50Ms, p99Ms, maxMs }: Distribution) => [ms(p50Ms), ms(p99Ms), ms(maxMs)];

const ms = (value: number) => (Number.isFinite(value) ? value.toFixed(value < 100 ? 1 : 0) : "never");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
