import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { keep } from "../rig/living.js";
import { countOf, type Section, show, table } from "./section.js";
import { distributionOf } from "./statistics.js";

const PROGRAM = fileURLToPath(new URL("../sentinel/bench.js", import.meta.url));
/** Without helper threads the stopwatch waits for nobody on a busy machine. */
const FLAGS = ["--single-threaded", "--v8-pool-size=0"];

export const sentinel: Section = {
  name: "sentinel",
  title: "The part-agent itself dies, freezes or hangs",
  isQuick: true,
  async measure(options) {
    const runs = countOf(options, 20, 1);
    const kinds = await run(runs);
    const measured = kinds.map(({ name, limitMs, times }) => ({
      name,
      limitMs,
      times: distributionOf(times.map((time) => (time === "never" ? Infinity : time))),
    }));
    return {
      figures: measured.map(({ name, limitMs, times }) => ({
        id: `sentinel/${name}`,
        what: `agent's ${name}: to the last motor's emergency stop, p99`,
        value: times.p99Ms,
        unit: "ms" as const,
        runs: times.runs,
        target: { most: limitMs },
      })),
      failures: [],
      details: `The sentinel is a process of its own beside the agent of a part with six motors: from the signal to the last motor's
emergency stop, as the simulated devices see it. The signal comes at any instant of a guard tick.

${table(
  ["what happens to the agent", "runs", "p50, ms", "p99", "max"],
  measured.map(({ name, times }) => [
    name,
    String(times.runs),
    show(times.p50Ms),
    show(times.p99Ms),
    show(times.maxMs),
  ]),
)}`,
    };
  },
};

async function run(runs: number): Promise<{ name: string; limitMs: number; times: (number | "never")[] }[]> {
  const child = keep(
    spawn(process.execPath, [...FLAGS, PROGRAM, String(runs)], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  let output = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, "close");
  const last = output.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("[")) throw new Error(`the bench of the sentinel ended without figures: ${last}`);
  return JSON.parse(last);
}
