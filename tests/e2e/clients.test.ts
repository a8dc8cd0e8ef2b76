import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ClientKind, clientMissing, withClient } from "../rig/clients/index.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { LIMIT } from "../rig/limit.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

const RESOURCES = [
  "arm/arm",
  "base/base",
  "camera/camera",
  "gripper/gripper",
  "motor/left",
  "motor/right",
  "sensor/sensor",
];
const PNG_SIGNATURE = "89504e47";
/** The fake camera draws 640 x 480 pixels of lines and flat colours: measured 5 KB; ten times either way is plausible. */
const PICTURE_BYTES = { least: 1000, most: 200_000 };

let robot: Robot;
before(async () => {
  // An arm that is quick, so that a whole motion fits into a test.
  robot = await startRobot({ attributes: { arm: { speed_degs_per_sec: 200 } } });
});
after(() => robot.stop());

const KINDS: ClientKind[] = [
  "ts-grpc",
  "ts-webrtc",
  "page-webrtc",
  "page-grpc-web",
  "py-grpc",
  "py-webrtc",
  "raw-grpc",
];
for (const kind of KINDS) {
  test(`${kind}: sees the robot as one, moves both parts, reads and looks`, LIMIT, async (t) => {
    const missing = clientMissing(kind);
    if (missing) return t.skip(missing);
    await withClient(robot, kind, async (client) => {
      assert.deepEqual(await client.names(), RESOURCES);
      const status = await client.status();
      assert.equal(status.running, true);
      assert.deepEqual(status.resources, RESOURCES);
      const { platform, version, apiVersion } = await client.version();
      assert.equal(platform, "rdk");
      assert.match(version, /^v?\d+\.\d+\.\d+$/);
      assert.match(apiVersion, /^v\d+\.\d+\.\d+$/);

      const before = await client.picture();
      assert.equal(before.head, PNG_SIGNATURE);
      assert.ok(before.bytes > PICTURE_BYTES.least && before.bytes < PICTURE_BYTES.most, `${before.bytes} bytes`);

      const seen = robot.main.devices.all().length;
      await client.drive(0.5);
      await robot.main.devices.came(
        "power at the left wheel",
        ({ device, command }) => device === "left" && command !== "stop",
        seen,
      );
      assert.equal(await client.baseMoving(), true);
      await until("the picture shows the robot elsewhere", async () => (await client.picture()).sum !== before.sum);
      await client.stopBase();
      assert.equal(await client.baseMoving(), false);

      await client.moveArm([20, 0, 0, 0, 0, 10]);
      assert.deepEqual((await client.joints()).map(Math.round), [20, 0, 0, 0, 0, 10]);
      await client.moveArm([0, 0, 0, 0, 0, 0]);

      assert.ok("temperature_celsius" in (await client.readings()));

      await client.straight(100, 200);
      assert.equal(await client.baseMoving(), false, "a motion with an end has ended when its call has");

      await client.drive(0.3);
      await client.stopAll();
      assert.equal(await client.baseMoving(), false);
    });
  });

  test(`${kind}: a running motion is an operation that others see`, LIMIT, async (t) => {
    const missing = clientMissing(kind);
    if (missing) return t.skip(missing);
    await withClient(robot, kind, async (client) => {
      const motion = client.straight(100_000, 100);
      await until("the motion runs", () => client.baseMoving());
      const operations = await client.operations();
      assert.ok(operations.includes("/viam.component.base.v1.BaseService/MoveStraight"), String(operations));
      await Promise.all([assert.rejects(motion), client.stopAll()]);
      assert.ok(!(await client.operations()).includes("/viam.component.base.v1.BaseService/MoveStraight"));
    });
  });

  test(`${kind}: a resource that does not exist is named in the error`, LIMIT, async (t) => {
    const missing = clientMissing(kind);
    if (missing) return t.skip(missing);
    await withClient(robot, kind, async (client) => {
      await assert.rejects(client.unknownResource(), /no-such-motor/);
      assert.deepEqual(await client.names(), RESOURCES, "the client goes on");
    });
  });
}

test(
  "reflection describes what the robot serves, and a part's resource is also known as part:name",
  LIMIT,
  async () => {
    const raw = createRawCalls(robot.url);
    const services = await raw.services();
    for (const service of [
      "viam.robot.v1.RobotService",
      "viam.component.base.v1.BaseService",
      "viam.component.arm.v1.ArmService",
    ]) {
      assert.ok(services.includes(service), service);
    }
    const { positions } = await raw.call("viam.component.arm.v1.ArmService/GetJointPositions", { name: "arm:arm" });
    assert.equal((positions as { values: number[] }).values.length, 6);
  },
);
