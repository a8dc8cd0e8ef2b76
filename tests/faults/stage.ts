import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { type Forwarder, redisMissing, startForwarder, startTestRedis, type TestRedis } from "@vigil/leases/testing";
import type { Client } from "../rig/clients/index.js";
import { startProgram } from "../rig/clients/program-client.js";
import { createNetwork, type Network, namespacesMissing } from "../rig/network.js";
import { ROBOT, type Robot, startRobot } from "../rig/robot.js";
import { startWire, type Wire, wireMissing } from "../rig/wire.js";
import type { StoreKind } from "./scenario.js";

/** Namespace of the client that is lost. */
export const LOST = "lost";

/** A robot in networks of its own, with a healthy client; scenes are played on it one after the other. */
export interface Stage {
  readonly store: StoreKind;
  readonly windowMs: number;
  readonly quietLimitMs: number;
  readonly network: Network;
  readonly robot: Robot;
  /** The cable of the client that is lost. */
  readonly wire: Wire;
  readonly steady: Client;
  /** With store redis. Replaced when a replica takes over. */
  redis: StageRedis | undefined;
  /** Waits until the robot is whole again, longer than any test does: nothing is measured meanwhile. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface StageRedis {
  readonly server: TestRedis;
  /** What gateway and parts dial. */
  readonly path: Forwarder;
}

export interface StageOptions {
  readonly store: StoreKind;
  readonly window: string;
  /** Of clients without a session, as the configuration has it. */
  readonly quietLimit: { readonly text: string; readonly ms: number };
}

const STEADY = fileURLToPath(new URL("../rig/clients/steady-client.js", import.meta.url));
const BLOCK_ON_SIGNAL = new URL("../sentinel/block-on-signal.js", import.meta.url).href;

/** Why a stage cannot be had here, or undefined. For `t.skip`. */
export function stageMissing(store: StoreKind): string | undefined {
  return namespacesMissing() ?? wireMissing() ?? (store === "redis" ? redisMissing({ clockShim: true }) : undefined);
}

/** A motor on each part that nobody but the healthy client moves. */
const spare = (part: string) => ({ name: `spare-${part}`, api: "rdk:component:motor", model: "fake" });
export const spareOf = (part: string): string => spare(part).name;

/** A machine that is busy with other things may be too slow for a start; nothing has been measured then. */
const START_ATTEMPTS = 5;

export async function startStage(options: StageOptions): Promise<Stage> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function startOnce({ store, window, quietLimit }: StageOptions): Promise<Stage> {
  const ends: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const network = createNetwork(["main", "arm", LOST], [LOST]);
    ends.push(() => network.remove());
    const wire = await startWire(network.wires[LOST]!);
    ends.push(() => wire.close());
    let stage: Stage | undefined;
    const redis = store === "redis" ? await startStageRedis(network) : undefined;
    ends.push(async () => {
      // A replica may have taken its place.
      const last = stage?.redis ?? redis;
      await last?.path.close();
      await last?.server.stop();
    });
    const robot = await startRobot({
      window,
      network,
      ...(redis && { redisUrl: `redis://${network.address}:${redis.path.port}/0` }),
      more: { main: [spare("main")], arm: [spare("arm")] },
      partEnv: { NODE_OPTIONS: `--import=${BLOCK_ON_SIGNAL}` },
      gateway: { implicit: { quiet_limit: quietLimit.text } },
    });
    ends.push(() => robot.stop());
    const steady = await startProgram("raw-grpc", [process.execPath, STEADY], {
      way: "grpc",
      url: robot.url,
      host: ROBOT,
    });
    ends.push(() => steady.close());
    stage = {
      store,
      windowMs: robot.windowMs,
      quietLimitMs: quietLimit.ms,
      network,
      robot,
      wire,
      steady,
      redis,
      ready: () => untilReady(robot),
      stop,
    };
    return stage;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(robot: Robot): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await robot.ready();
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function startStageRedis(network: Network): Promise<StageRedis> {
  const server = await startTestRedis({ withClockShim: true });
  const path = await startForwarder(server.port, network.address);
  return { server, path };
}

/** Processes that take every core of the machine. */
export const BUSY_PROCESSES = availableParallelism();
