import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Client, startClient } from "../rig/clients/index.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { isStop } from "../rig/device-log.js";
import { LIMIT } from "../rig/limit.js";
import { bothStop, mark, moveBoth, stopsOf } from "../rig/motion.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

const BASE = "viam.component.base.v1.BaseService";
const FORWARD = { name: "base", linear: { y: 0.3 } };

let robot: Robot;
before(async () => {
  robot = await startRobot({ window: "1s" });
});
after(() => robot.stop());

async function withTwo(use: (a: Client, b: Client) => Promise<void>): Promise<void> {
  const a = await startClient(robot, "ts-webrtc");
  const b = await startClient(robot, "ts-grpc").catch(async (error) => {
    await a.close();
    throw error;
  });
  try {
    await use(a, b);
  } finally {
    await a.close();
    await b.close();
    await createRawCalls(robot.url).call("viam.robot.v1.RobotService/StopAll", {});
  }
}

test("A dies: what A moved stops, what B moves goes on", LIMIT, () =>
  withTwo(async (a, b) => {
    await a.session();
    await b.session();
    await a.drive(0.4);
    const motion = b.moveArm([(await b.joints())[0]! > 0 ? -170 : 170, 0, 0, 0, 0, 0]);
    const stopped = assert.rejects(motion, /stop/);
    await until("the arm moves", async () => (await b.joints())[0] !== 0);
    const marks = mark(robot);
    a.kill();
    await stopsOf(robot.main, marks);
    await robot.counted("vigil_sessions_ended_total", { reason: "lapsed" });
    // One more step of the arm's motion after A's end, and no stop among them.
    const from = robot.arm.devices.all().length;
    await robot.arm.devices.came("one more step of B's motion", (command) => !isStop(command), from);
    assert.deepEqual(robot.arm.devices.after(marks.get(robot.arm)!).filter(isStop), []);
    await b.stopArm();
    await stopped;
  }),
);

test("B takes the base over: A's motion call ends, A's death does not stop what is B's", LIMIT, () =>
  withTwo(async (a, b) => {
    const motion = a.straight(1_000_000, 100);
    const lost = assert.rejects(motion);
    await until("the base moves", () => a.baseMoving());
    await b.drive(0.6);
    await lost;
    const marks = mark(robot);
    const ended = (await robot.metrics()).sum("vigil_sessions_ended_total");
    a.kill();
    await robot.counted("vigil_sessions_ended_total", {}, ended + 1);
    assert.equal(await b.baseMoving(), true);
    assert.deepEqual(robot.main.devices.after(marks.get(robot.main)!), [], "nothing reached the base");
  }),
);

test("late commands of an ended session are refused, its reads are answered, its Stop runs", LIMIT, async () => {
  const raw = createRawCalls(robot.url);
  const { id } = await raw.call("viam.robot.v1.RobotService/StartSession", {});
  const sid = { "viam-sid": String(id) };
  await raw.call(`${BASE}/SetPower`, FORWARD, sid);
  const marks = mark(robot);
  const response = await fetch(`${robot.url}/vigil/v1/sessions/${id}`, { method: "DELETE" });
  assert.equal(response.status, 200);
  await stopsOf(robot.main, marks);
  const refused = (await robot.metrics()).sum("vigil_commands_refused_total");
  const before = robot.main.devices.all().length;
  await assert.rejects(raw.call(`${BASE}/SetPower`, FORWARD, sid), { code: 3, rawMessage: "SESSION_EXPIRED" });
  assert.deepEqual(
    robot.main.devices.after(before).filter((command) => !isStop(command)),
    [],
  );
  assert.equal((await raw.call(`${BASE}/IsMoving`, { name: "base" }, sid)).isMoving ?? false, false);
  await raw.call(`${BASE}/Stop`, { name: "base" }, sid);
  await robot.counted("vigil_commands_refused_total", {}, refused + 1);
  const next = await raw.call("viam.robot.v1.RobotService/StartSession", { resume: String(id) });
  assert.notEqual(next.id, id, "an ended id never lives again");
});

test("Stop needs no session: anyone stops what another moves", LIMIT, () =>
  withTwo(async (a) => {
    await a.session();
    await moveBoth(robot, a);
    const marks = mark(robot);
    await createRawCalls(robot.url).call("viam.robot.v1.RobotService/StopAll", {});
    await bothStop(robot, marks);
    await a.drive(0.2);
    assert.equal(await a.baseMoving(), true, "A may command anew");
  }),
);

test("a revoked session stops at once and its client is told", LIMIT, () =>
  withTwo(async (a) => {
    const sid = await a.session();
    const { ended } = await moveBoth(robot, a);
    const marks = mark(robot);
    const response = await fetch(`${robot.url}/vigil/v1/sessions/${sid.slice(0, 8)}/revoke`, { method: "POST" });
    assert.equal(response.status, 200);
    await bothStop(robot, marks);
    assert.deepEqual(
      (await ended).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    await robot.counted("vigil_sessions_ended_total", { reason: "revoked" });
  }),
);
