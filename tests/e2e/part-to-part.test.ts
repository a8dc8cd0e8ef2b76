import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadComponents } from "@vigil/drivers";
import { type CallStart, createTypedClient, type Metadata } from "@vigil/protocol";
import { createLogger, createSystemClock, every, systemRandom, uuid } from "@vigil/shared";
import type { createGatewayLink as GatewayLinkFactory } from "../../apps/part-agent/src/link/gateway-link.js";
import type { describeInventory as InventoryFactory } from "../../apps/part-agent/src/link/inventory.js";
import { startClient, withClient } from "../rig/clients/index.js";
import { type DeviceCommand, isStop } from "../rig/device-log.js";
import { LIMIT } from "../rig/limit.js";
import { mark, noMotionAfterStop, staysStill } from "../rig/motion.js";
import { createNetwork, namespacesMissing } from "../rig/network.js";
import { type Robot, type RobotOptions, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

// P9 and R8: one part moves another on behalf of a client's session, and for nobody else (scenarios 38 and 39).

const WHEELS = ["wheel-l", "wheel-r"];
const MOTOR = "rdk:component:motor";

/** The base on main, whose motors are wheels on the arm's part. */
const REMOTE_WHEELS: RobotOptions = {
  window: "1s",
  components: Object.fromEntries(
    ["left", "right"].map((name, index) => [
      name,
      { model: "remote", attributes: { resource: `arm:${WHEELS[index]}` } },
    ]),
  ),
  more: { arm: WHEELS.map((name) => ({ name, api: MOTOR, model: "fake" })) },
};

const moves = (wheel: string) => (command: DeviceCommand) => command.device === wheel && !isStop(command);
const stops = (wheel: string) => (command: DeviceCommand) => command.device === wheel && isStop(command);

async function wheelsDo(what: string, robot: Robot, of: typeof moves, from: number): Promise<void> {
  await Promise.all(WHEELS.map((wheel) => robot.arm.devices.came(`${what} of ${wheel}`, of(wheel), from)));
}

for (const kind of ["ts-webrtc", "raw-grpc"] as const) {
  test(
    `a base on one part drives wheels on another; its client (${kind}) is killed: both wheels stop`,
    LIMIT,
    async () => {
      const robot = await startRobot(REMOTE_WHEELS);
      try {
        await withClient(robot, kind, async (client) => {
          const before = robot.arm.devices.all().length;
          await client.drive(0.5);
          await wheelsDo("motion", robot, moves, before);
          // Theirs, though another part commanded them.
          await until("the wheels belong to the client's session", async () =>
            (await robot.snapshot()).resources.some(({ name, owner }) => name === WHEELS[0] && owner !== null),
          );
          const marks = mark(robot);
          client.kill();
          await wheelsDo("the stop", robot, stops, marks.get(robot.arm)!);
          await until("its session has ended", async () => (await robot.snapshot()).sessions.length === 0);
          await staysStill(robot.arm);
          noMotionAfterStop(robot.arm, marks);
        });
      } finally {
        await robot.stop();
      }
    },
  );
}

test("the part with the base dies: its wheels on another part stop all the same", LIMIT, async () => {
  const robot = await startRobot(REMOTE_WHEELS);
  try {
    await withClient(robot, "raw-grpc", async (client) => {
      const before = robot.arm.devices.all().length;
      await client.drive(0.5);
      await wheelsDo("motion", robot, moves, before);
      const killed = robot.arm.devices.all().length;
      await robot.main.process.kill();
      await wheelsDo("the stop", robot, stops, killed);
    });
  } finally {
    await robot.stop();
  }
});

test(
  "with the clients' network gone, parts go on reading and stopping each other, on nobody's behalf",
  LIMIT,
  async (t) => {
    const missing = namespacesMissing();
    if (missing) return t.skip(missing);
    const network = createNetwork(["main", "arm", "client"]);
    const robot = await startRobot({ ...REMOTE_WHEELS, network }).catch((error) => {
      network.remove();
      throw error;
    });
    const client = await startClient(robot, "ts-webrtc", undefined, network.namespaces.client).catch(async (error) => {
      await robot.stop();
      network.remove();
      throw error;
    });
    try {
      const before = robot.arm.devices.all().length;
      await client.drive(0.5);
      await wheelsDo("motion", robot, moves, before);
      const cut = robot.arm.devices.all().length;
      network.cut("client");
      await wheelsDo("the stop", robot, stops, cut);
      await until("its session has ended", async () => (await robot.snapshot()).sessions.length === 0);

      // No client is left. A part that starts stops the wheels of its base through the other part before it serves.
      await robot.main.process.kill();
      await until("main is gone", async () =>
        (await robot.snapshot()).parts.some(({ name, up }) => name === "main" && !up),
      );
      const dead = robot.arm.devices.all().length;
      robot.main.restart();
      await wheelsDo("the stop at the start", robot, stops, dead);
      await robot.ready();
      const left = (await robot.snapshot()).resources.find(({ name }) => name === "left");
      await until("main reads of the wheels there", async () =>
        (await robot.snapshot()).resources.some(({ name, moving }) => name === "left" && moving === false),
      );
      assert.equal(left?.owner, null);
    } finally {
      client.kill();
      await client.close().catch(() => undefined);
      await robot.stop();
      network.remove();
    }
  },
);

test(
  "a part that forges authority moves nothing on another: not without token, not with a client's session id, not later",
  LIMIT,
  async () => {
    const robot = await startRobot({ ...REMOTE_WHEELS, components: {}, absent: ["main"], unready: true });
    const rogue = await startRogue(robot);
    try {
      await withClient(robot, "ts-webrtc", async (client) => {
        const sid = await client.session();
        const before = robot.arm.devices.all().length;
        client.drive(0.5).catch(() => undefined);
        const call = await rogue.next();

        await assert.rejects(rogue.turn({}), /only on behalf of a call that it is serving/);
        await assert.rejects(rogue.turn({ "viam-sid": sid }), /only on behalf of a call that it is serving/);
        await robot.gateway.logged(
          "the forged session",
          ({ msg, part }) => part === "main" && /it is ignored/.test(msg),
        );
        await assert.rejects(
          rogue.turn({ "viam-sid": sid, "vigil-session": call.metadata.get("vigil-session")![0]! }),
          /on behalf/,
        );
        await assert.rejects(rogue.turn({ "vigil-token": "forged" }), /only on behalf of a call that it is serving/);
        const moved = () => robot.arm.devices.after(before).filter((command) => !isStop(command));
        assert.deepEqual(moved(), []);

        // A busy machine may have had the session suspended meanwhile: then it takes another command of the client.
        const token = await until<string>("a wheel turns on the token's behalf", async () => {
          client.drive(0.5).catch(() => undefined);
          const [newest] = (await rogue.next()).metadata.get("vigil-token")!;
          return rogue.turn({ "vigil-token": newest! }).then<string, false>(
            () => newest!,
            () => false,
          );
        });
        await robot.arm.devices.came("motion with the token", moves(WHEELS[0]!), before);
        const lost = robot.arm.devices.all().length;
        client.kill();
        await robot.arm.devices.came("the stop", stops(WHEELS[0]!), lost);
        const stopped = robot.arm.devices.all().length;
        await until("the operation's token is dead", () =>
          rogue.turn({ "vigil-token": token }).then(
            () => assert.fail("it moved the wheel of an ended session"),
            (error: Error) => /on behalf|session/i.test(error.message),
          ),
        );
        assert.ok(!robot.arm.devices.after(stopped).some(moves(WHEELS[0]!)));
      });
    } finally {
      rogue.close();
      await robot.stop();
    }
  },
);

interface Rogue {
  /** The next call with a token that is relayed to it. It never answers one. */
  next(): Promise<CallStart>;
  /** Asks the robot to turn a wheel of the arm's part. */
  turn(metadata: Readonly<Record<string, string>>): Promise<void>;
  close(): void;
}

/** As its configuration gives it. */
function secretOf(robot: Robot): string {
  const { parts } = JSON.parse(readFileSync(join(robot.directory, "gateway.json"), "utf8")) as {
    parts: { name: string; secret: string }[];
  };
  return parts.find(({ name }) => name === "main")!.secret;
}

type Unary = (request: object, options: { readonly metadata: Metadata }) => Promise<unknown>;

const built = async (path: string): Promise<object> =>
  import(new URL(`../../../apps/part-agent/dist/${path}`, import.meta.url).href);

/** A part `main` with a base, which knows the secret and keeps to the link's protocol, and to nothing else. */
async function startRogue(robot: Robot): Promise<Rogue> {
  const { createGatewayLink } = (await built("link/gateway-link.js")) as {
    createGatewayLink: typeof GatewayLinkFactory;
  };
  const { describeInventory } = (await built("link/inventory.js")) as { describeInventory: typeof InventoryFactory };
  const components = await loadComponents();
  const clock = createSystemClock();
  const relayed = new EventEmitter();
  const bootId = uuid(systemRandom);
  const base = {
    config: { name: "base", api: { namespace: "rdk", type: "component", subtype: "base" } },
    isGuarded: true,
    settings: { safety: { policy: "stop" } },
  };
  const link = createGatewayLink(
    {
      clock,
      random: systemRandom,
      log: createLogger({ destination: { write() {} } }),
      identity: () => ({ name: "main", secret: secretOf(robot), bootId, generation: 0 }),
      serve(start) {
        if (start.metadata.has("vigil-token")) relayed.emit("call", start);
        return { message() {}, end() {}, cancel() {} };
      },
      welcomed() {
        const inventory = { all: [base] } as unknown as Parameters<typeof InventoryFactory>[1];
        link.send(describeInventory(components, inventory, [], []));
        link.send({ case: "fenceReport", value: { session: "", generation: 0, cause: "link" } });
      },
      received() {},
      alive() {},
      lost() {},
    },
    { gateway: robot.url.replace("http", "ws"), tlsVerify: true, carrier: "websocket", software: "rogue" },
  );
  let tick = 0;
  const ticks = every(clock, 50, () => {
    tick += 1;
    link.send({ case: "tick", value: { number: BigInt(tick), started: true, linked: true, storeAway: false } });
  });
  const { service } = components.find(({ api }) => api.subtype === "motor")!;
  const motor = createTypedClient(service, link.call) as unknown as Record<string, Unary>;
  try {
    await robot.ready();
  } catch (error) {
    ticks.cancel();
    link.close();
    throw error;
  }
  return {
    next: () => once(relayed, "call").then(([start]) => start as CallStart),
    async turn(metadata) {
      const entries = Object.entries(metadata).map(([key, value]) => [key, [value]] as const);
      await motor.setPower!({ name: `arm:${WHEELS[0]}`, powerPct: 0.3 }, { metadata: new Map(entries) });
    },
    close() {
      ticks.cancel();
      link.close();
    },
  };
}
