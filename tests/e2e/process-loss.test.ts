import assert from "node:assert/strict";
import { test } from "node:test";
import { redisMissing, startTestRedis } from "@vigil/leases/testing";
import { startClient, withClient } from "../rig/clients/index.js";
import { isStop } from "../rig/device-log.js";
import { LIMIT } from "../rig/limit.js";
import { bothStop, mark, moveBoth, staysStill, stopsOf } from "../rig/motion.js";
import { type Robot, type RobotOptions, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

async function withRobot(options: RobotOptions, use: (robot: Robot) => Promise<void>): Promise<void> {
  const robot = await startRobot(options);
  try {
    await use(robot);
  } finally {
    await robot.stop();
  }
}

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  test(`gateway gets ${signal}: every part stops by itself`, LIMIT, () =>
    withRobot({ window: "30s" }, async (robot) => {
      const client = await startClient(robot, "ts-grpc");
      try {
        await client.session();
        const { ended } = await moveBoth(robot, client);
        const marks = mark(robot);
        robot.gateway.signal(signal);
        await bothStop(robot, marks);
        await client.close();
        await ended;
      } finally {
        await client.close();
      }
    }),
  );
}

test("gateway killed and started again: parts come back, new commands move, old ones do not", LIMIT, () =>
  withRobot({ window: "1s" }, async (robot) => {
    const client = await startClient(robot, "ts-webrtc");
    const { ended } = await moveBoth(robot, client);
    const marks = mark(robot);
    await robot.gateway.kill();
    await bothStop(robot, marks);
    await client.close();
    await ended;
    await robot.restartGateway();
    await robot.ready();
    await Promise.all(robot.parts.map(staysStill));
    await withClient(robot, "ts-webrtc", async (next) => {
      await next.drive(0.2);
      assert.equal(await next.baseMoving(), true);
    });
  }),
);

test("part-agent killed while it moves: stopped at its start, before it serves", LIMIT, () =>
  withRobot({}, async (robot) => {
    const client = await startClient(robot, "ts-grpc");
    try {
      const { ended } = await moveBoth(robot, client);
      const main = mark(robot).get(robot.main)!;
      const arm = mark(robot).get(robot.arm)!;
      await robot.arm.process.kill();
      await robot.counted("vigil_disconnects_total", { peer: "part" });
      robot.arm.restart();
      const first = await robot.arm.devices.came("anything after the restart", () => true, arm);
      assert.ok(isStop(first), `the first command is a stop: ${JSON.stringify(first)}`);
      await robot.ready();
      // What moves together stops together; and the motion of the dead process is over for its client too.
      await robot.main.devices.came("a stop of the base", (command) => isStop(command), main);
      const [, armMotion] = await Promise.race([ended, ended]);
      assert.equal(armMotion!.status, "rejected");
      await client.moveArm([1, 0, 0, 0, 0, 0]);
    } finally {
      await client.close();
    }
  }),
);

test("part-agent asked to stop while it moves: its actuators stop first", LIMIT, () =>
  withRobot({}, async (robot) => {
    const client = await startClient(robot, "ts-grpc");
    try {
      await moveBoth(robot, client);
      const marks = mark(robot);
      assert.equal(await robot.arm.process.stop(), 0);
      assert.ok((await stopsOf(robot.arm, marks)).length > 0);
    } finally {
      await client.close();
    }
  }),
);

test("gateway asked to stop while clients move: actuators stop, its exit code is 0", LIMIT, () =>
  withRobot({}, async (robot) => {
    const client = await startClient(robot, "ts-webrtc");
    try {
      const { ended } = await moveBoth(robot, client);
      const marks = mark(robot);
      assert.equal(await robot.gateway.stop(), 0);
      await bothStop(robot, marks);
      assert.deepEqual(
        (await ended).map(({ status }) => status),
        ["rejected", "rejected"],
        "both calls were answered",
      );
    } finally {
      await client.close();
    }
  }),
);

test("leases in Redis: a killed client's motions stop on both parts", LIMIT, async (t) => {
  const missing = redisMissing();
  if (missing) return t.skip(missing);
  const redis = await startTestRedis();
  try {
    await withRobot({ window: "1s", redisUrl: redis.url }, async (robot) => {
      for (const kind of ["ts-webrtc", "ts-grpc"] as const) {
        const client = await startClient(robot, kind);
        try {
          await client.session();
          await moveBoth(robot, client);
          const marks = mark(robot);
          client.kill();
          await bothStop(robot, marks);
        } finally {
          await client.close();
        }
      }
    });
  } finally {
    await redis.stop();
  }
});

test(
  "Redis is killed: the robot stops, reads and Stop go on, motion says it is not possible now; back again, it moves",
  LIMIT,
  async (t) => {
    const missing = redisMissing();
    if (missing) return t.skip(missing);
    const redis = await startTestRedis();
    try {
      await withRobot({ window: "1s", redisUrl: redis.url }, async (robot) => {
        const client = await startClient(robot, "ts-grpc");
        try {
          await moveBoth(robot, client);
          const marks = mark(robot);
          await redis.kill();
          await bothStop(robot, marks);
          assert.ok("temperature_celsius" in (await client.readings()));
          await client.stopBase();
          await client.stopAll();
          await assert.rejects(client.drive(0.5), { code: 14 });
          assert.equal((await fetch(`${robot.url}/readyz`)).status, 503);
          await redis.restart();
          await robot.ready();
          await until("motion works again", () =>
            client.drive(0.1).then(
              () => true,
              () => false,
            ),
          );
          assert.equal(await client.baseMoving(), true);
        } finally {
          await client.close();
        }
      });
    } finally {
      await redis.stop();
    }
  },
);
