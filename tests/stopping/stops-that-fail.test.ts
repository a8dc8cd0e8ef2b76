import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { withClient } from "../rig/clients/index.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { isStop } from "../rig/device-log.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

const GRIPPER = "viam.component.gripper.v1.GripperService";
const ARM = "viam.component.arm.v1.ArmService";

const mkdtemp = () => mkdtempSync(join(tmpdir(), "vigil-stopping-"));

/** Sends a command that is expected to be refused; its error. */
async function refusal(robot: Robot, method: string, request: Record<string, string>): Promise<string> {
  return createRawCalls(robot.url)
    .call(method, request)
    .then(
      () => "served",
      (error: Error) => error.message,
    );
}

test("a stop that hangs: told, escalated to the e-stop line, re-armed by a person; nobody else is disturbed", async () => {
  const directory = mkdtemp();
  const line = join(directory, "e-stop-line");
  writeFileSync(line, "1");
  const robot = await startRobot({
    window: "1s",
    attributes: { gripper: { stop_hangs: true, log_path: null } },
    components: {
      gripper: { safety: { stop_timeout: "200ms", escalate: { after: "300ms", e_stop: [{ path: line, text: "0" }] } } },
    },
    // Its very first stop hangs already, so the robot is never ready.
    unready: true,
  });
  try {
    await until("the line is cut", () => readFileSync(line, "utf8") === "10");
    await robot.counted("vigil_stops_total", { part: "arm", outcome: "escalated" });
    await robot.counted("vigil_rearm_waiting", { part: "arm" });
    const steps = await robot.arm.metrics();
    assert.equal(steps.sum("vigil_escalation_steps_total", { part: "arm", step: "e_stop", outcome: "ok" }), 1);
    assert.ok(
      robot.arm.process.log.some(
        ({ level, resource, step }) => level === "error" && resource === "gripper" && step === "e_stop",
      ),
    );
    assert.match(await refusal(robot, `${GRIPPER}/Open`, { name: "gripper" }), /e-stop line of gripper was cut/);

    // The other part, its session and its stops go on as if nothing were.
    const { main } = robot;
    const seen = main.devices.all().length;
    await withClient(robot, "raw-grpc", async (client) => {
      await client.drive(0.5);
      await main.devices.came("power", ({ device, command }) => device === "left" && command === "set_rpm", seen);
      await client.moveArm([1, 0, 0, 0, 0, 0]);
    });
    await main.devices.came("the stop", (command) => command.device === "left" && isStop(command), seen);
    assert.equal((await robot.metrics()).sum("vigil_sessions_ended_total", { reason: "lapsed" }), 0);

    const awaits = async () => (await robot.snapshot()).resources.find(({ name }) => name === "gripper")?.awaitsRearm;
    assert.equal(await awaits(), true);
    const rearm = async () => {
      const response = await fetch(`${robot.url}/vigil/v1/parts/arm/resources/gripper/rearm`, { method: "POST" });
      return ((await response.json()) as { rearmed: boolean }).rearmed;
    };
    assert.equal(await rearm(), true);
    await until("it waits no more", async () => (await awaits()) === false);
    assert.equal((await robot.metrics()).sum("vigil_rearm_waiting", { part: "arm" }), 0);
    assert.equal(await rearm(), false);
    assert.match(await refusal(robot, `${GRIPPER}/Open`, { name: "gripper" }), /not acknowledged yet/);
    assert.equal(await refusal(robot, `${ARM}/GetJointPositions`, { name: "arm" }), "served");
  } finally {
    await robot.stop();
    rmSync(directory, { recursive: true });
  }
});

test("manual re-arm after a lost client: the arm waits for a person, the base does not", async () => {
  const robot = await startRobot({ window: "500ms", components: { arm: { safety: { rearm: "manual" } } } });
  try {
    const marks = [robot.main.devices.all().length, robot.arm.devices.all().length] as const;
    await withClient(robot, "raw-grpc", async (client) => {
      client.moveArm([100, 0, 0, 0, 0, 0]).catch(() => undefined);
      await client.drive(0.4);
      await robot.arm.devices.came("motion", ({ command }) => command === "move_to", marks[1]);
      client.kill();
      await robot.arm.devices.came("the stop", isStop, marks[1]);
      await robot.main.devices.came("the stop", isStop, marks[0]);
    });
    await robot.counted("vigil_rearm_waiting", { part: "arm" });
    await withClient(robot, "raw-grpc", async (client) => {
      await assert.rejects(client.moveArm([0, 0, 0, 0, 0, 0]), /waits to be re-armed/);
      await client.drive(0.1);
      await fetch(`${robot.url}/vigil/v1/parts/arm/resources/arm/rearm`, { method: "POST" });
      const before = robot.arm.devices.all().length;
      client.moveArm([0, 0, 0, 0, 0, 0]).catch(() => undefined);
      await robot.arm.devices.came("motion", ({ command }) => command === "move_to", before);
    });
  } finally {
    await robot.stop();
  }
});

test("an agent that is asked to end while a stop hangs runs that resource's emergency stop", async () => {
  const directory = mkdtemp();
  const drive = join(directory, "drive");
  writeFileSync(drive, "");
  const robot = await startRobot({
    attributes: { gripper: { stop_hangs: true } },
    components: {
      gripper: { safety: { escalate: { after: "1m", emergency_stop: [{ path: drive, text: "halt" }] } } },
    },
    unready: true,
  });
  try {
    await robot.arm.process.logged("that it serves", ({ msg }) => msg === "part-agent serves");
    assert.equal(readFileSync(drive, "utf8"), "");
    assert.equal(await robot.arm.process.stop(), 0);
    assert.equal(readFileSync(drive, "utf8"), "halt", "once: the sentinel was told goodbye");
    assert.ok(!robot.arm.devices.all().some(({ device, command }) => device === "arm" && command === "emergency_stop"));
  } finally {
    await robot.stop();
    rmSync(directory, { recursive: true });
  }
});
