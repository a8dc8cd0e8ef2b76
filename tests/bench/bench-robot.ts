import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EndView, Snapshot } from "@vigil/shared";
import { type AppProcess, startApp } from "../rig/app-process.js";
import { createDeviceLog, type DeviceLog } from "../rig/device-log.js";
import { type Samples, scrape } from "../rig/metrics.js";
import { ROBOT } from "../rig/robot.js";
import { until } from "../rig/until.js";

type Json = Readonly<Record<string, unknown>>;

/** A robot of one part, whose components a measurement chooses: many motors, each for a client of its own. */
export interface BenchRobot {
  readonly url: string;
  readonly windowMs: number;
  readonly gateway: AppProcess;
  readonly part: AppProcess;
  readonly devices: DeviceLog;
  metrics(): Promise<Samples>;
  snapshot(): Promise<Snapshot>;
  /** Of these sessions, as the timeline has them. */
  endsOf(sessions: readonly string[]): Promise<EndView[]>;
  /** Ends a session by its id or the beginning of it, as an operator does. */
  revoke(session: string): Promise<void>;
  stop(): Promise<void>;
}

export interface BenchRobotOptions {
  readonly motors: readonly string[];
  /** More attributes of a motor, by name. */
  readonly attributes?: Readonly<Record<string, Json>>;
  /** A generic component of that name. */
  readonly generic?: string;
  /** Waits only until its part is linked: a robot with a Stop that hangs is never ready. */
  readonly unready?: boolean;
  /** Where the gateway listens; absent: loopback. */
  readonly address?: string;
}

const WINDOW_MS = 2000;
const SECRET = "a secret for benches alone";

export async function startBenchRobot(options: BenchRobotOptions): Promise<BenchRobot> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-bench-"));
  const address = options.address ?? "127.0.0.1";
  const apps: AppProcess[] = [];
  const start = (app: "gateway" | "part-agent", config: Json): AppProcess => {
    const file = join(directory, `${app}.json`);
    writeFileSync(file, JSON.stringify(config));
    const started = startApp(app, file);
    apps.push(started);
    return started;
  };
  const stop = async () => {
    await Promise.all(apps.map((app) => app.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const gateway = start("gateway", {
      robot: ROBOT,
      network: {
        bind_address: `${address}:0`,
        no_tls: true,
        sessions: { heartbeat_window: `${WINDOW_MS}ms` },
      },
      parts: [{ name: "main", secret: SECRET }],
      webrtc: { host_addresses: [address] },
      ...(options.address && { allow_unauthenticated: true }),
    });
    const { port } = await gateway.logged("that it serves", ({ msg }) => msg === "gateway serves");
    const url = `http://${address}:${port}`;
    const devices = createDeviceLog(join(directory, "devices.log"));
    const component = (name: string, subtype: string, attributes: Json) => ({
      name,
      api: `rdk:component:${subtype}`,
      model: "fake",
      attributes: { ...attributes, ...options.attributes?.[name] },
    });
    const partConfig = {
      part: { name: "main", gateway: `ws://${address}:${port}`, secret: SECRET, carrier: "websocket" },
      leases: { store: "gateway" },
      metrics: { bind_address: "127.0.0.1:0" },
      components: [
        ...options.motors.map((name) => component(name, "motor", { log_path: devices.file })),
        ...(options.generic === undefined ? [] : [component(options.generic, "generic", {})]),
      ],
    };
    let part: AppProcess;
    const startPart = () => {
      const started = start("part-agent", partConfig);
      part = started;
      // As under any supervisor, where a busy machine has made its sentinel end it.
      started.ended.then((how) => {
        if (how === "SIGKILL" && !started.isTouched) startPart();
      });
    };
    startPart();
    const snapshot = async () => (await fetch(`${url}/vigil/v1/snapshot`)).json() as Promise<Snapshot>;
    await until("the robot is ready", async () =>
      options.unready ? (await snapshot()).parts.every(({ up }) => up) : (await fetch(`${url}/readyz`)).status === 200,
    );
    return {
      url,
      windowMs: WINDOW_MS,
      gateway,
      get part() {
        return part;
      },
      devices,
      metrics: () => scrape(`${url}/metrics`),
      snapshot,
      async endsOf(sessions) {
        const ends = (await (await fetch(`${url}/vigil/v1/ends`)).json()) as EndView[];
        return ends.filter(({ session }) => sessions.some((sid) => sid.startsWith(session)));
      },
      async revoke(session) {
        const id = session.slice(0, 8);
        const response = await fetch(`${url}/vigil/v1/sessions/${id}/revoke`, { method: "POST" });
        if (!response.ok) throw new Error(`session ${id} could not be revoked: ${response.status}`);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Names with numbers, as in motor0, motor1, ... */
export const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name}${index}`);
