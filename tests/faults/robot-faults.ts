import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { startForwarder, startTestRedis } from "@vigil/leases/testing";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { keep } from "../rig/living.js";
import type { PartName, RigPart } from "../rig/robot.js";
import { monotonicMs, until } from "../rig/until.js";
import { agentDead, agentFrozen, alone, silent, stepped, together, unanswered } from "./bounds.js";
import type { Bound, Injury, Scenario, Scene, Variant } from "./scenario.js";
import { BUSY_PROCESSES } from "./stage.js";

const EXPLICIT: Variant = { client: "ts-webrtc", session: "explicit", store: "memory" };
const IMPLICIT: Variant = { client: "raw-grpc", session: "implicit", store: "memory" };
const IN_REDIS: readonly Variant[] = [EXPLICIT, IMPLICIT].map((variant) => ({ ...variant, store: "redis" }));

/** Nothing of a robot is unharmed when its gateway is. */
const NOTHING = { motors: [], readings: false } as const;
const READINGS = { motors: [], readings: true } as const;
const MAIN_ONLY = { motors: ["main"], readings: true } as const;

const CLOCK_STEP_MS = 10_000;
const TROUBLED_WINDOWS = 3;
const PICTURE_RETRY_MS = 50;

const gatewayFault = (fault: string, signal: NodeJS.Signals): Scenario => ({
  victim: "gateway",
  fault,
  variants: [EXPLICIT, IMPLICIT, ...IN_REDIS],
  motion: "both",
  bound: (_part, context) => alone(context),
  unharmed: NOTHING,
  async inject({ stage }) {
    const { robot } = stage;
    const { gateway } = robot;
    const at = monotonicMs();
    gateway.signal(signal);
    return {
      at,
      async mend() {
        if (signal === "SIGSTOP") gateway.signal("SIGCONT");
        else {
          await gateway.ended;
          await robot.restartGateway();
        }
        await stage.ready();
      },
    };
  },
});

const agentFault = (
  fault: string,
  victim: PartName,
  own: () => Bound,
  signal: NodeJS.Signals,
  variants: readonly Variant[],
): Scenario => ({
  victim: "agent",
  fault: `${fault}, part ${victim}`,
  variants,
  motion: "both",
  bound: (part, context) => (part === victim ? own() : together(context)),
  unharmed: victim === "arm" ? MAIN_ONLY : { motors: ["arm"], readings: false },
  async inject({ stage }) {
    const { robot } = stage;
    const part: RigPart = robot[victim];
    const { process } = part;
    const at = monotonicMs();
    process.signal(signal);
    return {
      at,
      async mend() {
        await process.ended;
        part.restart();
        await stage.ready();
      },
    };
  },
});

interface StoreFault extends Pick<Scenario, "fault" | "inject" | "prepare"> {
  readonly bound?: Scenario["bound"];
}

const storeFault = (given: StoreFault): Scenario => ({
  victim: "store",
  variants: IN_REDIS,
  motion: "both",
  bound: (_part, context) => unanswered(context),
  unharmed: READINGS,
  ...given,
});

/** The client falls silent and the store's clock steps at the same time. */
const clockStep = (name: string, stepMs: number): Scenario =>
  storeFault({
    fault: `its clock steps ${name}, client gets SIGSTOP`,
    bound: (_part, context) => stepped(context),
    async inject({ stage, lost }) {
      const clock = stage.redis!.server.clockShim!;
      const at = monotonicMs();
      lost.signal("SIGSTOP");
      clock.stepTo(stepMs);
      return {
        at,
        async mend() {
          clock.stepTo(0);
          await stage.ready();
        },
      };
    },
  });

/** A replica that has heard nothing since the path to it was held takes the master's place. */
async function promoteReplica({ stage }: Scene): Promise<Injury> {
  const { server: master, path } = stage.redis!;
  const replica = await startTestRedis({ withClockShim: true });
  const replication = await startForwarder(master.port);
  await replica.command("REPLICAOF", "127.0.0.1", replication.port);
  await until("the replica is in step", async () =>
    String(await replica.command("INFO", "replication")).includes("master_link_status:up"),
  );
  replication.hold("to-client");
  const at = monotonicMs();
  await master.kill();
  replication.cut();
  await replica.command("REPLICAOF", "NO", "ONE");
  path.leadTo(replica.port);
  return {
    at,
    async mend() {
      await replication.close();
      await master.stop();
      stage.redis = { server: replica, path };
      await stage.ready();
    },
  };
}

const lanFault = (
  fault: string,
  variants: readonly Variant[],
  parts: readonly PartName[],
  inflict: (scene: Scene, part: PartName) => void,
  bound: Scenario["bound"] = (_part, context) => alone(context),
): Scenario => ({
  victim: "LAN",
  fault,
  variants,
  motion: "both",
  bound,
  unharmed: parts.includes("main") ? NOTHING : MAIN_ONLY,
  async inject(scene) {
    const { stage } = scene;
    const { network } = stage;
    const at = monotonicMs();
    for (const part of parts) inflict(scene, part);
    return {
      at,
      async mend() {
        for (const part of parts) network.mend(part);
        await stage.ready();
      },
    };
  },
});

/** Asks for one picture after another, each as soon as the last one is there. Begun with the first one. */
async function viewCamera(url: string): Promise<{ end(): void }> {
  const { call, hangUp } = createRawCalls(url);
  let isOver = false;
  const picture = () => call("viam.component.camera.v1.CameraService/GetImages", { name: "camera" });
  const view = async () => {
    // A machine without time may refuse one.
    while (!isOver) await picture().catch(() => sleep(PICTURE_RETRY_MS));
  };
  await picture();
  void view();
  return {
    end() {
      isOver = true;
      hangUp("fin");
    },
  };
}

/** Takes every core until it is told to let go. */
function burnCores(): { end(): void } {
  const burn = () => keep(spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
  const children: ChildProcess[] = Array.from({ length: BUSY_PROCESSES }, burn);
  return {
    end() {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

export const ROBOT_FAULTS: readonly Scenario[] = [
  gatewayFault("SIGKILL, started again", "SIGKILL"),
  gatewayFault("SIGSTOP, later SIGCONT", "SIGSTOP"),
  gatewayFault("restart (SIGTERM)", "SIGTERM"),

  agentFault("SIGKILL", "arm", agentDead, "SIGKILL", [EXPLICIT, IN_REDIS[1]!]),
  agentFault("SIGKILL", "main", agentDead, "SIGKILL", [EXPLICIT]),
  agentFault("SIGSTOP", "arm", agentFrozen, "SIGSTOP", [EXPLICIT, IN_REDIS[1]!]),
  agentFault("event loop blocked", "arm", agentFrozen, "SIGUSR2", [EXPLICIT, IMPLICIT]),
  agentFault("restart (SIGTERM)", "arm", agentFrozen, "SIGTERM", [EXPLICIT, IMPLICIT]),

  storeFault({
    fault: "Redis gets SIGKILL, started again empty",
    async inject({ stage }) {
      const at = monotonicMs();
      await stage.redis!.server.kill();
      return {
        at,
        async mend() {
          await stage.redis!.server.restart();
          await stage.ready();
        },
      };
    },
  }),
  storeFault({
    fault: "Redis gets SIGSTOP, later SIGCONT",
    async inject({ stage }) {
      const at = monotonicMs();
      stage.redis!.server.pause();
      return {
        at,
        async mend() {
          stage.redis!.server.resume();
          await stage.ready();
        },
      };
    },
  }),
  storeFault({
    fault: "Redis restarted from an older snapshot",
    prepare: ({ stage }) => stage.redis!.server.saveDump("older"),
    async inject({ stage }) {
      const { server } = stage.redis!;
      const at = monotonicMs();
      await server.kill();
      server.restoreDump("older");
      await server.restart();
      return { at, mend: () => stage.ready() };
    },
  }),
  storeFault({ fault: "stale replica promoted", inject: promoteReplica }),
  storeFault({
    fault: "FLUSHALL",
    async inject({ stage }) {
      const at = monotonicMs();
      await stage.redis!.server.command("FLUSHALL");
      return { at, mend: () => stage.ready() };
    },
  }),
  clockStep("10 s back", -CLOCK_STEP_MS),
  clockStep("10 s ahead", CLOCK_STEP_MS),

  lanFault("cut", [EXPLICIT, IMPLICIT, IN_REDIS[0]!], ["main", "arm"], ({ stage }, part) => stage.network.cut(part)),
  lanFault("one way: nothing comes from the parts", [EXPLICIT, IMPLICIT], ["main", "arm"], ({ stage }, part) =>
    stage.network.drop(part, "sent"),
  ),
  lanFault("one way: nothing comes to the parts", [EXPLICIT, IMPLICIT], ["main", "arm"], ({ stage }, part) =>
    stage.network.drop(part, "got"),
  ),
  lanFault("cut, sub only", [EXPLICIT, IMPLICIT, IN_REDIS[0]!], ["arm"], ({ stage }, part) => stage.network.cut(part)),
  lanFault(
    "store unreachable from the sub only",
    IN_REDIS,
    ["arm"],
    ({ stage }, part) => stage.network.drop(part, "sent", stage.redis!.path.port),
    (part, context) =>
      part === "arm" ? unanswered(context) : { ...unanswered(context), reason: together(context).reason },
  ),

  {
    victim: "machine",
    fault: "lives with all cores busy and a camera at full rate; then client gets SIGSTOP",
    variants: [EXPLICIT, IMPLICIT, IN_REDIS[0]!],
    motion: "both",
    bound: (_part, context) => silent(context),
    // Where a guard cannot turn in time it stops everybody's motions (R5): only who reads has to notice nothing.
    unharmed: READINGS,
    trouble: {
      windows: TROUBLED_WINDOWS,
      // Scenario 34 of the rules: no false lapse at a window of 2 s.
      mayEnd: (windowMs) => windowMs < 2000,
      async inflict({ stage, atEnd }) {
        const viewer = await viewCamera(stage.robot.url);
        atEnd(() => viewer.end());
        const fire = burnCores();
        atEnd(() => fire.end());
      },
    },
    async inject({ lost }) {
      const at = monotonicMs();
      lost.signal("SIGSTOP");
      return { at };
    },
  },
];
