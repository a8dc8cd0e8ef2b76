import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { inRepository } from "./repository.js";

/** Longest wait for a whole robot to be ready on a busy machine. */
const READY_MS = 30_000;
const POLL_MS = 100;
/** Above the 2 s that a stop of all actuators may take. */
const STOP_MS = 10_000;

export interface DemoRobot {
  /** Host and port of the gateway. */
  readonly gateway: string;
  /** Host and port of the arm's own /metrics. */
  readonly armMetrics: string;
  /** What the processes have written so far. */
  output(): string;
  stop(): Promise<void>;
}

/** A port of the loopback that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Starts `vigil up` with a robot of two parts, main and arm, and waits until it is ready. */
export async function startDemoRobot(): Promise<DemoRobot> {
  const [port, armPort] = [await findFreePort(), await findFreePort()];
  const gateway = `127.0.0.1:${port}`;
  const armMetrics = `127.0.0.1:${armPort}`;
  const motor = (name: string) => ({ name, api: "rdk:component:motor", model: "fake", attributes: { max_rpm: 100 } });
  const robot = {
    robot: "bot",
    network: { bind_address: gateway, no_tls: true },
    components: [motor("left")],
    parts: { arm: { components: [motor("lift")], metrics: { bind_address: armMetrics } } },
  };
  const directory = mkdtempSync(join(tmpdir(), "vigil-robot-"));
  const file = join(directory, "robot.json");
  writeFileSync(file, JSON.stringify(robot));
  const running = startProgram(process.execPath, [inRepository("apps/cli/dist/main.js"), "up", file]);
  const stop = async () => {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await waitForOk(`http://${gateway}/readyz`, READY_MS, running);
  } catch (error) {
    await stop();
    throw error;
  }
  return { gateway, armMetrics, output: running.output, stop };
}

export interface RunningProgram {
  readonly child: ChildProcess;
  output(): string;
  /** SIGTERM, and SIGKILL when that did not help. */
  stop(): Promise<void>;
}

export function startProgram(program: string, args: readonly string[]): RunningProgram {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  return {
    child,
    output: () => text,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Asks until `url` answers 2xx. Throws with what the program wrote when it has ended or the time is over. */
export async function waitForOk(url: string, patienceMs: number, program: RunningProgram): Promise<void> {
  let last = "no answer";
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += POLL_MS) {
    if (program.child.exitCode !== null) break;
    try {
      const response = await fetch(url);
      last = `${response.status} ${await response.text()}`;
      if (response.ok) return;
    } catch (error) {
      last = String(error instanceof Error ? (error.cause ?? error) : error);
    }
    await delay(POLL_MS);
  }
  throw new Error(`${url} never became ready: ${last}\nexit code ${program.child.exitCode}\n${program.output()}`);
}
