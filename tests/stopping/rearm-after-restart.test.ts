import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { withClient } from "../rig/clients/index.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { isStop } from "../rig/device-log.js";
import { LIMIT } from "../rig/limit.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

// What waits for a person waits after any end of its part: only a person re-arms it (docs/safety.md).

const rearm = async (robot: Robot, resource: string) => {
  const url = `${robot.url}/vigil/v1/parts/arm/resources/${resource}/rearm`;
  return ((await (await fetch(url, { method: "POST" })).json()) as { rearmed: boolean }).rearmed;
};
const awaits = async (robot: Robot, resource: string) =>
  (await robot.snapshot()).resources.find(({ name }) => name === resource)?.awaitsRearm;
const waitsFiles = (robot: Robot) =>
  readdirSync(join(robot.directory, ".vigil", "rearm", "arm"))
    .filter((name) => name.endsWith(".waits"))
    .sort();

/** Opens the gripper; what came of it. A busy machine may have a command come too late: that is sent again. */
function open(robot: Robot): Promise<string> {
  return until("an answer to Open", () =>
    createRawCalls(robot.url)
      .call("viam.component.gripper.v1.GripperService/Open", { name: "gripper" })
      .then(
        () => "served",
        ({ message }: Error) => (/command again|retry/.test(message) ? false : message),
      ),
  );
}

async function restart(robot: Robot, end: "kill" | "stop"): Promise<void> {
  await robot.arm.process[end]();
  await until("the part is gone", async () =>
    (await robot.snapshot()).parts.some(({ name, up }) => name === "arm" && !up),
  );
  robot.arm.restart();
  await robot.ready();
}

async function withLine(use: (line: string, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-rearm-"));
  const line = join(directory, "e-stop-line");
  writeFileSync(line, "1");
  try {
    await use(line, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test(
  "the e-stop line was cut, then the agent is killed: the next one refuses motion until a person has re-armed",
  LIMIT,
  () =>
    withLine(async (line) => {
      const robot = await startRobot({
        attributes: { gripper: { stop_hangs: true, log_path: null } },
        components: {
          gripper: {
            safety: { stop_timeout: "200ms", escalate: { after: "300ms", e_stop: [{ path: line, text: "0" }] } },
          },
        },
        unready: true,
      });
      try {
        await until("the line is cut", () => readFileSync(line, "utf8") === "10");
        await until("that is on the disk", () => waitsFiles(robot).length > 0);
        await robot.arm.process.kill();
        // The fault is mended: nothing in the next process's life would cut the line.
        const config = JSON.parse(readFileSync(robot.arm.configFile, "utf8")) as { components: { name: string }[] };
        config.components = config.components.map((component) =>
          component.name === "gripper" ? { ...component, attributes: {} } : component,
        );
        writeFileSync(robot.arm.configFile, JSON.stringify(config));
        robot.arm.restart();
        await robot.ready();
        assert.match(await open(robot), /e-stop line of gripper was cut/);
        await robot.counted("vigil_rearm_waiting", { part: "arm" });
        assert.equal(readFileSync(line, "utf8"), "10", "and nobody closed it");

        assert.equal(await rearm(robot, "gripper"), true);
        assert.equal(await open(robot), "served");
        await restart(robot, "kill");
        assert.equal(await open(robot), "served", "once it is re-armed it is armed, rearm being auto");
      } finally {
        await robot.stop();
      }
    }),
);

test("the sentinel cuts the line when an emergency stop fails: the next agent waits for a person", LIMIT, () =>
  withLine(async (line, directory) => {
    const robot = await startRobot({
      components: {
        gripper: {
          safety: {
            escalate: {
              emergency_stop: [{ path: join(directory, "gone", "drive"), text: "halt" }],
              e_stop: [{ path: line, text: "0" }],
            },
          },
        },
      },
    });
    try {
      assert.equal(await open(robot), "served");
      await restart(robot, "kill");
      assert.ok(readFileSync(line, "utf8").startsWith("10"));
      assert.match(await open(robot), /e-stop line of gripper was cut/);
      await restart(robot, "stop");
      assert.match(await open(robot), /e-stop line of gripper was cut/, "a good end re-arms nothing");
      assert.equal(await rearm(robot, "gripper"), true);
      assert.equal(await open(robot), "served");
      await restart(robot, "stop");
      assert.equal(await open(robot), "served");
    } finally {
      await robot.stop();
    }
  }),
);

test(
  "manual re-arm outlives the agent: after a lost client, after a crash, and not after a good end",
  LIMIT,
  async () => {
    const robot = await startRobot({ window: "500ms", components: { arm: { safety: { rearm: "manual" } } } });
    const isRefused = () =>
      withClient(robot, "raw-grpc", (client) =>
        until("an answer to a motion", () =>
          client.moveArm([0, 0, 0, 0, 0, 0]).then(
            () => "served",
            ({ message }: Error) => (/command again|retry/.test(message) ? false : message),
          ),
        ),
      );
    try {
      assert.notEqual(await awaits(robot, "arm"), true, "nothing was ever moved");
      const seen = robot.arm.devices.all().length;
      await withClient(robot, "raw-grpc", async (client) => {
        client.moveArm([100, 0, 0, 0, 0, 0]).catch(() => undefined);
        await robot.arm.devices.came("motion", ({ command }) => command === "move_to", seen);
        client.kill();
        await robot.arm.devices.came("the stop", isStop, seen);
      });
      await until("it waits", () => awaits(robot, "arm"));
      await restart(robot, "stop");
      assert.match(await isRefused(), /stopped after a lost session and waits to be re-armed/);
      assert.equal(await rearm(robot, "arm"), true);
      await until("that is forgotten", () => waitsFiles(robot).length === 0);

      await restart(robot, "kill");
      assert.match(await isRefused(), /its part ended without having stopped it/);
      await restart(robot, "stop");
      assert.match(await isRefused(), /its part ended without having stopped it/);
      assert.equal(await rearm(robot, "arm"), true);
      await restart(robot, "stop");
      assert.equal(await isRefused(), "served");
    } finally {
      await robot.stop();
    }
  },
);
