import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createDeviceLog, type DeviceCommand, type DeviceLog } from "../device-log.js";

/**
 * A simulated ODrive on a pseudo-terminal, in a process of its own. Its log has, besides each line that the drive got
 * (`command: "line"`), what became of it: `stop` (a line that ends motion), `moving` and `still` (the axis itself),
 * `closed_loop`, `idle`, `watchdog`, `void` (a damaged line), `plugged`, `unplugged`. Devices are `axis0`, `axis1` and
 * `port`.
 */
export interface OdriveSimulator {
  /** What a driver opens as its serial port. */
  readonly path: string;
  readonly events: DeviceLog;
  log(): DeviceCommand[];
  /** Lines that the drive got and did not drop, such as "v 0 1.5". */
  lines(): string[];
  unplug(): Promise<void>;
  plug(): Promise<void>;
  state(): Promise<readonly OdriveAxisState[]>;
  /** Any other command of the simulator: see the head of odrive_simulator.py. */
  order(command: string): Promise<void>;
  stop(): Promise<void>;
}

export interface OdriveAxisState {
  /** 1 idle, 8 closed loop. */
  readonly state: number;
  readonly pos: number;
  readonly vel: number;
  readonly error: number;
  readonly moving: boolean;
  /** In seconds; 0: not enabled. */
  readonly watchdog: number;
}

export interface OdriveSimulatorOptions {
  /** Put before each device name of the log. */
  readonly name?: string;
  /** A file to append the log to; default: one of its own. */
  readonly logFile?: string;
  /** Time constant of the velocity, in ms. */
  readonly lagMs?: number;
}

/** Beside the source: the compiled file is one folder further down. */
const SCRIPT = fileURLToPath(new URL("../../../rig/odrive/odrive_simulator.py", import.meta.url));

/** Needs python3; throws what went wrong if it does not start. */
export async function startOdriveSimulator(options: OdriveSimulatorOptions = {}): Promise<OdriveSimulator> {
  const folder = mkdtempSync(join(tmpdir(), "odrive-"));
  const path = join(folder, "port");
  const logFile = options.logFile ?? join(folder, "log");
  const child = spawn(
    "python3",
    [
      SCRIPT,
      ...["--path", path, "--log", logFile, "--name", options.name ?? ""],
      ...(options.lagMs === undefined ? [] : ["--lag-ms", String(options.lagMs)]),
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const ended = once(child, "close");
  const answers: ((answer: Record<string, unknown>) => void)[] = [];
  const answer = () => new Promise<Record<string, unknown>>((resolve) => answers.push(resolve));
  createInterface({ input: child.stdout }).on("line", (line) => answers.shift()?.(JSON.parse(line)));
  const order = async (command: string) => {
    const answered = answer();
    child.stdin.write(`${command}\n`);
    const got = await answered;
    if ("unknown" in got) throw new Error(`the simulator does not know "${command}"`);
    return got;
  };

  const failed = ended.then(([code]) => {
    throw new Error(`the simulator has ended with ${code} instead of starting: is python3 installed?`);
  });
  await Promise.race([answer(), failed]);
  failed.catch(() => undefined);
  const events = createDeviceLog(logFile);
  return {
    path,
    events,
    log: () => events.all(),
    lines: () =>
      events
        .all()
        .filter(({ command }) => command === "line")
        .map(({ args }) => String(args.line)),
    unplug: () => order("unplug").then(() => undefined),
    plug: () => order("plug").then(() => undefined),
    state: async () => (await order("state")).axes as OdriveAxisState[],
    order: (command) => order(command).then(() => undefined),
    async stop() {
      child.stdin.end();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
