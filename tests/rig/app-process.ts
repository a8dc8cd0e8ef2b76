import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { keep } from "./living.js";
import { until } from "./until.js";

/** A line that an app logged. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A gateway or part-agent as a process of its own. */
export interface AppProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly log: readonly LogLine[];
  /** What it wrote on stderr that is no JSON: usage and configuration errors. */
  readonly errors: readonly string[];
  /** Its exit code or signal, once it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** The test has sent it a signal: its end is the test's affair. */
  readonly isTouched: boolean;
  /** The first line that was or will be logged for which `matches` holds. */
  logged(what: string, matches: (line: LogLine) => boolean, from?: number): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end; SIGKILL if it takes too long. */
  stop(): Promise<number | NodeJS.Signals>;
}

/** Longer than the five seconds after which an app gives up stopping by itself. */
const STOP_PATIENCE_MS = 8000;

/** RIG_LOG=1 shows what the apps log, for whoever looks for the cause of a failure. */
const SHOW_LOG = process.env.RIG_LOG === "1";

const MAIN = {
  gateway: new URL("main.js", import.meta.resolve("@vigil/gateway")),
  "part-agent": new URL("main.js", import.meta.resolve("@vigil/part-agent")),
} as const;

export function startApp(
  app: keyof typeof MAIN,
  configFile: string,
  { namespace, env }: { readonly namespace?: string; readonly env?: Readonly<Record<string, string>> } = {},
): AppProcess {
  const command = [process.execPath, fileURLToPath(MAIN[app]), "--config", configFile];
  const whole = namespace === undefined ? command : ["ip", "netns", "exec", namespace, ...command];
  const child = spawn(whole[0]!, whole.slice(1), {
    stdio: ["ignore", "ignore", "pipe"],
    // An app that outlives its test would go on holding ports: it watches for this process's end.
    env: { ...process.env, ...env, VIGIL_PARENT_PID: String(process.pid) },
  });
  keep(child);
  const log: LogLine[] = [];
  const errors: string[] = [];
  createInterface({ input: child.stderr! }).on("line", (line) => {
    if (SHOW_LOG) process.stderr.write(`${app} ${child.pid}: ${line}\n`);
    const parsed = parse(line);
    if (parsed) log.push(parsed);
    else errors.push(line);
  });
  const ended = once(child, "close").then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  const isOver = () => child.exitCode !== null || child.signalCode !== null;

  let isTouched = false;
  const kill = async () => {
    isTouched = true;
    // A stopped process takes SIGKILL as well.
    child.kill("SIGKILL");
    await ended;
  };
  return {
    child,
    get pid() {
      return child.pid!;
    },
    log,
    errors,
    ended,
    get isTouched() {
      return isTouched;
    },
    logged: (what, matches, from = 0) =>
      until(
        `${app} logs ${what}; it wrote:\n${[...errors, ...log.map((line) => JSON.stringify(line))].join("\n")}`,
        () => {
          const line = log.slice(from).find(matches);
          if (!line && isOver()) throw new Error(`${app} has ended instead of logging ${what}: ${errors.join("\n")}`);
          return line;
        },
      ),
    signal(signal) {
      isTouched = true;
      child.kill(signal);
    },
    kill,
    async stop() {
      isTouched = true;
      if (!isOver()) {
        child.kill("SIGCONT");
        child.kill("SIGTERM");
      }
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function parse(line: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "msg" in value ? (value as LogLine) : undefined;
  } catch {
    return undefined;
  }
}
