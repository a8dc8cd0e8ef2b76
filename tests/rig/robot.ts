import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EndView, Snapshot } from "@vigil/shared";
import { type AppProcess, startApp } from "./app-process.js";
import { createDeviceLog, type DeviceLog } from "./device-log.js";
import { type Samples, scrape } from "./metrics.js";
import { createNetwork, type Network } from "./network.js";
import { until } from "./until.js";

/** Name of the robot of every rig, as clients dial it. */
export const ROBOT = "rigbot";
const SECRET = "a secret only for robots of tests";

/**
 * Ten times the default: on a machine whose cores are all busy a command may take longer than 300 ms to its part, which
 * refuses it rightly. What is correct must not hang on that.
 */
const COMMAND_AGE = "3s";

type Json = Readonly<Record<string, unknown>>;
export type PartName = "main" | "arm";

export interface RobotOptions {
  /** Heartbeat window as the configuration has it. */
  readonly window?: string;
  /** URL of a Redis; absent: the built-in store. */
  readonly redisUrl?: string;
  /** The Redis as the parts see it, where that is not the same. */
  readonly partRedisUrl?: (network: Network) => string;
  /** Each part in a network namespace of its own, joined by a bridge that the gateway listens on. Needs root. */
  readonly namespaces?: boolean;
  readonly network?: Network;
  /** More attributes for components, by name. */
  readonly attributes?: Readonly<Record<string, Json>>;
  /** More keys beside a component's attributes, by name. */
  readonly components?: Readonly<Record<string, Json>>;
  /** Whole components beside the rig's own, by part; `log_path` is added to their attributes. */
  readonly more?: Readonly<Partial<Record<PartName, readonly Json[]>>>;
  /** More environment of the part-agents. */
  readonly partEnv?: Readonly<Record<string, string>>;
  /** Keys of gateway.json that replace the rig's. */
  readonly gateway?: Json;
  /** Does not wait until the robot is ready. */
  readonly unready?: boolean;
  /** What carries a part's commands; absent: as the part chooses by itself. */
  readonly carriers?: Readonly<Partial<Record<PartName, "webrtc" | "websocket">>>;
  /** Parts that are configured at the gateway but not started. */
  readonly absent?: readonly PartName[];
}

/** One part of the rig: its process, and its hardware seen from outside. */
export interface RigPart {
  readonly name: PartName;
  readonly process: AppProcess;
  readonly devices: DeviceLog;
  readonly configFile: string;
  /** Starts its process again after it ended. */
  restart(): void;
  metrics(): Promise<Samples>;
}

/** A whole robot as processes: a gateway, a part `main` with a base, a part `arm` with an arm. */
export interface Robot {
  /** http://address:port */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly gateway: AppProcess;
  readonly main: RigPart;
  readonly arm: RigPart;
  readonly parts: readonly RigPart[];
  readonly windowMs: number;
  restartGateway(): Promise<void>;
  ready(): Promise<void>;
  metrics(): Promise<Samples>;
  snapshot(): Promise<Snapshot>;
  ends(): Promise<EndView[]>;
  /** Waits for a metric to reach a value. */
  counted(name: string, labels: Readonly<Record<string, string>>, atLeast?: number): Promise<number>;
  stop(): Promise<void>;
}

const WINDOWS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const toMs = (duration: string) => {
  const [, number, unit] = /^([\d.]+)(ms|s|m)$/.exec(duration)!;
  return Number(number) * WINDOWS_MS[unit!]!;
};

/** Waits for readiness, and says what was missing when it does not come. */
async function untilReady(look: (note: (reason: string) => undefined) => Promise<boolean>): Promise<void> {
  let reason = "";
  const note = (text: string) => {
    reason = text;
    return undefined;
  };
  await until("the robot is ready", () => look(note)).catch((error: Error) => {
    throw new Error(`${error.message}; because ${reason}`);
  });
}

export async function startRobot(options: RobotOptions = {}): Promise<Robot> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-rig-"));
  const network = options.network ?? (options.namespaces ? createNetwork(["main", "arm"]) : undefined);
  const address = network?.address ?? "127.0.0.1";
  const window = options.window ?? "2s";
  const write = (name: string, content: Json) => {
    const file = join(directory, name);
    writeFileSync(file, JSON.stringify(content, null, 2));
    return file;
  };

  let port = 0;
  const gatewayConfig = () => ({
    robot: ROBOT,
    network: { bind_address: `${address}:${port}`, no_tls: true, sessions: { heartbeat_window: window } },
    parts: ["main", "arm"].map((name) => ({ name, secret: SECRET, max_command_age: COMMAND_AGE })),
    leases: options.redisUrl ? { store: "redis", url: options.redisUrl } : { store: "memory" },
    ...(network && { allow_unauthenticated: true, webrtc: { host_addresses: [address] } }),
    ...options.gateway,
  });
  let gateway: AppProcess;
  const startGateway = async () => {
    gateway = startApp("gateway", write("gateway.json", gatewayConfig()));
    const line = await gateway.logged("that it serves", ({ msg }) => msg === "gateway serves");
    port = Number(line.port);
  };

  const parts: RigPart[] = [];
  const cleanUp = async () => {
    await Promise.all([...parts.map((part) => part.process.stop()), gateway?.stop()]);
    if (!options.network) network?.remove();
    rmSync(directory, { recursive: true, force: true });
  };

  const startPart = (name: PartName, components: (log: string) => Json[]): RigPart => {
    const log = join(directory, `${name}-devices.log`);
    const redis =
      options.redisUrl && (network && options.partRedisUrl ? options.partRedisUrl(network) : options.redisUrl);
    const configFile = write(`${name}.json`, {
      part: {
        name,
        gateway: `ws://${address}:${port}`,
        secret: SECRET,
        ...(options.carriers?.[name] && { carrier: options.carriers[name] }),
      },
      leases: redis ? { store: "redis", url: redis } : { store: "gateway" },
      metrics: { bind_address: "127.0.0.1:0" },
      components: components(log),
    });
    // As under any supervisor: an agent that a busy machine kept from turning for half a second, and that its sentinel
    // has ended for it, starts again.
    const start = (): AppProcess => {
      const started = startApp("part-agent", configFile, {
        namespace: network?.namespaces[name],
        env: options.partEnv,
      });
      started.ended.then((how) => {
        if (how === "SIGKILL" && !started.isTouched && process === started) process = start();
      });
      return started;
    };
    let process = start();
    return {
      name,
      configFile,
      devices: createDeviceLog(log),
      get process() {
        return process;
      },
      restart() {
        process = start();
      },
      async metrics() {
        const { metrics } = await process.logged("its metrics", ({ msg }) => msg === "part-agent serves");
        return scrape(`http://127.0.0.1:${metrics}/metrics`);
      },
    };
  };
  const component = (name: string, subtype: string, attributes: Json = {}, more: Json = {}) => ({
    name,
    api: `rdk:component:${subtype}`,
    model: "fake",
    attributes: { ...attributes, ...options.attributes?.[name] },
    ...more,
    ...options.components?.[name],
  });

  try {
    await startGateway();
    const layouts: Record<PartName, (log: string) => Json[]> = {
      main: (log_path) => [
        component("left", "motor", { log_path }),
        component("right", "motor", { log_path }),
        component("base", "base", { left: ["left"], right: ["right"], log_path }, { depends_on: ["left", "right"] }),
        component("camera", "camera"),
        component("sensor", "sensor"),
      ],
      arm: (log_path) => [
        component("arm", "arm", { joints: 6, speed_degs_per_sec: 10, log_path }),
        component("gripper", "gripper", { log_path }),
      ],
    };
    for (const name of ["main", "arm"] as const) {
      const layout = (log_path: string) => [
        ...layouts[name](log_path),
        ...(options.more?.[name] ?? []).map((more) => ({ ...more, attributes: { log_path } })),
      ];
      if (!options.absent?.includes(name)) parts.push(startPart(name, layout));
    }
    const robot: Robot = {
      get url() {
        return `http://${address}:${port}`;
      },
      get port() {
        return port;
      },
      directory,
      get gateway() {
        return gateway;
      },
      get main() {
        return parts.find(({ name }) => name === "main")!;
      },
      get arm() {
        return parts.find(({ name }) => name === "arm")!;
      },
      parts,
      windowMs: toMs(window),
      restartGateway: startGateway,
      ready: () =>
        untilReady(async (note) => {
          const response = await fetch(`${robot.url}/readyz`).catch((error: Error) => note(String(error)));
          if (response?.status === 503) note(await response.text());
          return response?.status === 200;
        }),
      metrics: () => scrape(`${robot.url}/metrics`),
      snapshot: async () => (await fetch(`${robot.url}/vigil/v1/snapshot`)).json() as Promise<Snapshot>,
      ends: async () => (await fetch(`${robot.url}/vigil/v1/ends`)).json() as Promise<EndView[]>,
      counted: (name, labels, atLeast = 1) =>
        until(`${name}${JSON.stringify(labels)} reaches ${atLeast}`, async () => {
          const value = (await robot.metrics()).sum(name, labels);
          return value >= atLeast && value;
        }),
      stop: cleanUp,
    };
    if (!options.unready) await robot.ready();
    return robot;
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
