import assert from "node:assert/strict";
import { test } from "node:test";
import { redisMissing, startTestRedis } from "@vigil/leases/testing";
import { startClient } from "../rig/clients/index.js";
import { LIMIT } from "../rig/limit.js";
import { bothStop, mark, moveBoth, staysStill, stopsOf } from "../rig/motion.js";
import { createNetwork, namespacesMissing } from "../rig/network.js";
import { startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

for (const store of ["memory", "redis"] as const) {
  test(`parts in networks of their own, leases in ${store}: cut cable, killed client`, LIMIT, async (t) => {
    const missing = namespacesMissing() ?? (store === "redis" ? redisMissing() : undefined);
    if (missing) return t.skip(missing);
    const network = createNetwork(["main", "arm"]);
    // Redis listens where the parts are, inside the robot's own network, and on loopback for the gateway.
    const redis =
      store === "redis"
        ? await startTestRedis({ args: ["--bind", "127.0.0.1", network.address, "--protected-mode", "no"] })
        : undefined;
    const robot = await startRobot({
      window: "2s",
      network,
      ...(redis && { redisUrl: redis.url, partRedisUrl: () => `redis://${network.address}:${redis.port}/0` }),
      // The arm goes on when the base's part is cut off: each part is a group of its own.
      gateway: { stop_group: "part" },
    }).catch(async (error) => {
      await redis?.stop();
      network.remove();
      throw error;
    });
    const client = await startClient(robot, "ts-webrtc").catch(async (error) => {
      await robot.stop();
      throw error;
    });
    try {
      const sid = await client.session();
      await moveBoth(robot, client);

      const cut = mark(robot);
      network.cut("main");
      await stopsOf(robot.main, cut);
      await robot.counted("vigil_disconnects_total", { peer: "part" });
      await staysStill(robot.main);
      const sessions = (await robot.snapshot()).sessions;
      assert.ok(
        sessions.some(({ id }) => sid.startsWith(id)),
        "the session lives on",
      );
      assert.equal(await stillMoving(robot.arm, cut), true, "the arm goes on");
      await assert.rejects(client.drive(0.5), /main/, "the cut part is named");

      network.mend("main");
      await robot.ready();
      await staysStill(robot.main);
      await until("commands flow to the part again", () =>
        client.drive(0.2).then(
          () => true,
          () => false,
        ),
      );
      assert.equal(await client.baseMoving(), true);
      await client.stopAll();

      await moveBoth(robot, client);
      const lost = mark(robot);
      client.kill();
      await bothStop(robot, lost);
    } finally {
      await client.close();
      await robot.stop();
      await redis?.stop();
      network.remove();
    }
  });
}

/** The arm's motion repeats its command every 100 ms: it moves while commands other than a stop come in. */
async function stillMoving(
  part: Parameters<typeof stopsOf>[0],
  marks: Parameters<typeof stopsOf>[1],
): Promise<boolean> {
  const from = part.devices.all().length;
  await part.devices.came("one more step of the motion", ({ command }) => command !== "stop", from);
  return !part.devices.after(marks.get(part)!).some(({ device, command }) => device === "arm" && command === "stop");
}
