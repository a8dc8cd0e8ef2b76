import assert from "node:assert/strict";
import { test } from "node:test";
import { isStop } from "../rig/device-log.js";
import { dialFrom, type FarSocket } from "../rig/far-socket.js";
import { message, webCall } from "../rig/grpc-web-bytes.js";
import { LIMIT } from "../rig/limit.js";
import { mark, noMotionAfterStop, staysStill, stopsOf } from "../rig/motion.js";
import { createNetwork, type Network, namespacesMissing } from "../rig/network.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

const BASE = "viam.component.base.v1.BaseService";
const ARM = "viam.component.arm.v1.ArmService";

/** A browser's connection: HTTP/1.1, which answers no challenge (rules.md, R1). It is cut off by its cable. */
function withFarClient(what: string, use: (robot: Robot, network: Network, client: FarSocket) => Promise<void>): void {
  test(what, LIMIT, async (t) => {
    const missing = namespacesMissing();
    if (missing) return t.skip(missing);
    const network = createNetwork(["client"]);
    try {
      const robot = await startRobot({ window: "1s", network });
      const client = dialFrom(network.namespaces.client!, network.address, robot.port);
      try {
        await use(robot, network, client);
      } finally {
        await client.close();
        await robot.stop();
      }
    } finally {
      network.remove();
    }
  });
}

const lapsed = (robot: Robot) =>
  until("the session has lapsed", async () => (await robot.ends()).some(({ reason }) => reason === "lapsed"));

const setPower = (power: number) =>
  webCall(`${BASE}/SetPower`, [
    message([
      [1, "base"],
      [2, message([[2, power]])],
    ]),
  ]);

withFarClient(
  "an open call that says nothing keeps its session until TCP keepalive finds the cable cut (scenario 27)",
  async (robot, network, client) => {
    const straight = message([
      [1, "base"],
      [2, 1_000_000n],
      [3, 100],
    ]);
    const before = mark(robot);
    client.write(webCall(`${BASE}/MoveStraight`, [straight]));
    await robot.main.devices.came("motion", ({ device }) => device === "left", before.get(robot.main));
    network.cut("client");
    const cut = mark(robot);
    await stopsOf(robot.main, cut);
    noMotionAfterStop(robot.main, cut);
    await lapsed(robot);
  },
);

withFarClient(
  "an open call whose answers nobody acknowledges keeps its session no longer than that (scenario 27)",
  async (robot, network, client) => {
    // Half a second each: they go on, and with them the acknowledgements of the batches, far beyond the limit.
    const points = Array.from({ length: 100 }, (_, index) => {
      const angles = Buffer.alloc(6 * 8);
      angles.writeDoubleLE(index % 2 ? 3 : -3, 0);
      const positions = message([[1, angles]]);
      const time = message([
        [1, BigInt(Math.floor((index + 1) / 2))],
        [2, index % 2 ? 0n : 500_000_000n],
      ]);
      const point = message([
        [1, time],
        [2, positions],
      ]);
      return message([
        [1, "arm"],
        [3, message([[1, point]])],
      ]);
    });
    const init = message([
      [1, "arm"],
      [2, new Uint8Array()],
    ]);
    client.write(webCall(`${ARM}/MoveThroughJointPositionsStreamed`, [init, ...points]));
    const answers = () => client.text().split("\r\n\r\n")[1]?.length ?? 0;
    await until("the first batches are acknowledged", () => answers() > 20);
    network.cut("client");
    const cut = mark(robot);
    await robot.arm.devices.came("one more step", (command) => !isStop(command), cut.get(robot.arm));
    await stopsOf(robot.arm, cut);
    noMotionAfterStop(robot.arm, cut);
    await lapsed(robot);
  },
);

withFarClient(
  "what a browser had queued for a lapsed implicit session moves nothing once its cable is back (R6)",
  async (robot, network, client) => {
    const before = mark(robot);
    client.write(setPower(0.3));
    await robot.main.devices.came("motion", ({ device }) => device === "left", before.get(robot.main));
    await until("the call is answered", () => client.text().includes("grpc-status: 0"));
    network.cut("client");
    const cut = mark(robot);
    client.write(setPower(0.7));
    await stopsOf(robot.main, cut);
    network.mend("client");
    assert.equal(await client.closed, "ECONNRESET");
    await staysStill(robot.main);
    noMotionAfterStop(robot.main, cut);
    // Whoever dials anew commands anew.
    const next = dialFrom(network.namespaces.client!, network.address, robot.port);
    try {
      const again = mark(robot);
      next.write(setPower(0.2));
      await robot.main.devices.came("motion", (command) => !isStop(command), again.get(robot.main));
    } finally {
      await next.close();
    }
  },
);
