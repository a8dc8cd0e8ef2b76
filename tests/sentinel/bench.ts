// Measures how long after its death, freeze or hang the hardware of a part gets its emergency stop (rules.md, R7):
//   node --single-threaded --v8-pool-size=0 tests/dist/sentinel/bench.js [runs of each kind, default 50] [one kind alone, as in SIGKILL]
// Without helper threads the stopwatch waits for nobody on a busy machine. Its last line is JSON, for the bench of all.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { cpus, constants as osConstants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { monotonicMs } from "../rig/until.js";

/** Motors of the part: the latest of their emergency stops counts. */
const MOTORS = 6;
/** A guard tick: the fault comes at any instant of it. */
const TICK_MS = 50;
/** How often the stopwatch looks, in ms. */
const LOOK_MS = 5;
/** A stop that has not come by then never comes. */
const PATIENCE_MS = 3000;

const KINDS = [
  { name: "SIGKILL", signal: "SIGKILL", limitMs: 50 },
  { name: "SIGSTOP", signal: "SIGSTOP", limitMs: 600 },
  { name: "blocked event loop", signal: "SIGUSR2", limitMs: 600 },
] as const;

const runs = Number(process.argv[2] ?? 50);
const directory = mkdtempSync(join(tmpdir(), "vigil-sentinel-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
process.env.NODE_OPTIONS = `--import=${new URL("./block-on-signal.js", import.meta.url).href}`;

/**
 * How late the stopwatch's own turns came at most, in ms: it runs at the highest priority, so that what it waits for is
 * the machine itself (a virtual one may be given no processor), and no stop can be faster than that.
 */
let ownLateMs = 0;

/** The hardware of the part: a named pipe, whose reader is this process. */
const pipe = join(directory, "hardware");
spawnSync("mkfifo", [pipe]);
/** When each motor's emergency stop came, in the run that is going on. */
let stops = new Map<string, number>();
const reader = new Socket({
  fd: openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK),
  readable: true,
  writable: false,
});
createInterface({ input: reader }).on("line", (line) => {
  const at = monotonicMs();
  const { device, command } = JSON.parse(line) as { device: string; command: string };
  if (command === "emergency_stop" && !stops.has(device)) stops.set(device, at);
});

const configFile = join(directory, "part.json");
writeFileSync(
  configFile,
  JSON.stringify({
    // No gateway listens there: the sentinel does not care.
    part: { name: "main", gateway: "ws://127.0.0.1:9", secret: "a secret that nobody ever asks for" },
    leases: { store: "gateway" },
    metrics: { bind_address: "127.0.0.1:0" },
    components: Array.from({ length: MOTORS }, (_, index) => ({
      name: `motor${index}`,
      api: "rdk:component:motor",
      model: "fake",
      attributes: { log_path: pipe },
    })),
  }),
);

/** The agent in a session of its own: what speeds the stopwatch up must not speed up what it measures. */
async function startAgent(): Promise<{ signal(signal: NodeJS.Signals): void; kill(): Promise<void> }> {
  const main = fileURLToPath(new URL("main.js", import.meta.resolve("@vigil/part-agent")));
  const child = spawn(process.execPath, [main, "--config", configFile], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, VIGIL_PARENT_PID: String(process.pid) },
  });
  const ended = once(child, "exit");
  const serves = new Promise<void>((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => line.includes("part-agent serves") && resolve());
  });
  await Promise.race([serves, ended.then(([code]) => Promise.reject(new Error(`the agent ended with ${code}`)))]);
  return {
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Time from the fault to the last motor's emergency stop, in ms; Infinity: one never came. */
async function measure(signal: NodeJS.Signals): Promise<number> {
  // Children inherit it: what is measured runs as it would anywhere.
  prioritize(osConstants.priority.PRIORITY_NORMAL);
  const agent = await startAgent();
  // It has settled, and beats; then any phase of the tick.
  await sleep(300 + Math.random() * TICK_MS);
  prioritize(osConstants.priority.PRIORITY_HIGHEST);
  stops = new Map();
  const at = monotonicMs();
  agent.signal(signal);
  for (let turn = at; stops.size < MOTORS && turn - at < PATIENCE_MS; ) {
    await sleep(LOOK_MS);
    const now = monotonicMs();
    ownLateMs = Math.max(ownLateMs, now - turn - LOOK_MS);
    turn = now;
  }
  const latest = stops.size < MOTORS ? Infinity : Math.max(...stops.values());
  await agent.kill();
  return latest - at;
}

/** Where it is permitted, what else runs on the machine delays what is measured and not the stopwatch. */
function prioritize(priority: number): void {
  try {
    setPriority(priority);
    writeFileSync("/proc/self/autogroup", String(priority));
  } catch (error) {
    if (!["EACCES", "EPERM", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

console.log(
  `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${MOTORS} motors, ${runs} runs of each kind`,
);
console.log("ms from the fault to the last motor's emergency stop");
let failed = false;
const all: { name: string; limitMs: number; ownLateMs: number; times: (number | "never")[] }[] = [];
for (const { name, signal, limitMs } of KINDS) {
  if (process.argv[3] !== undefined && process.argv[3] !== signal) continue;
  const times: number[] = [];
  ownLateMs = 0;
  for (let run = 0; run < runs; run += 1) times.push(await measure(signal));
  times.sort((a, b) => a - b);
  const [p50, p99, max] = [quantile(times, 0.5), quantile(times, 0.99), times.at(-1)!];
  failed ||= p99 > limitMs;
  // JSON has no Infinity.
  all.push({ name, limitMs, ownLateMs, times: times.map((time) => (Number.isFinite(time) ? time : "never")) });
  console.log(
    `${name.padEnd(20)} p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}  max ${max.toFixed(1)}  (limit ${limitMs} at p99; the stopwatch itself up to ${ownLateMs.toFixed(1)} late)`,
  );
}
console.log(JSON.stringify(all));
process.exit(failed ? 1 : 0);
