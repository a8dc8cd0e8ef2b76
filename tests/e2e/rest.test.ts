import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService } from "@vigil/protocol/gen/proto/rpc/v1/auth_pb.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

let robot: Robot;
before(async () => {
  robot = await startRobot();
});
after(() => robot.stop());

type Json = Readonly<Record<string, unknown>>;

/** One request, as [HTTP status, JSON]. */
async function ask(
  verb: string,
  path: string,
  init: { body?: string; headers?: Record<string, string> } = {},
  url = robot.url,
) {
  const answer = await fetch(`${url}/api/v1${path}`, { method: verb, ...init });
  return [answer.status, (await answer.json()) as Json] as const;
}

test("the resources of all parts are listed", async () => {
  const [status, { resources }] = await ask("GET", "/resources/list");
  assert.equal(status, 200);
  const names = (resources as { subtype: string; name: string }[]).map(({ subtype, name }) => `${subtype}/${name}`);
  assert.deepEqual(names.sort(), [
    "arm/arm",
    "base/base",
    "camera/camera",
    "gripper/gripper",
    "motor/left",
    "motor/right",
    "sensor/sensor",
  ]);
});

test("a motor turns by PUT with a query, a base drives by POST with a body, and both stop", async () => {
  const moves = async (what: string) => (await ask("GET", `/component/${what}/is_moving`))[1];
  assert.deepEqual(await ask("PUT", "/component/motor/left/power?power_pct=0.5"), [200, {}]);
  assert.deepEqual(await ask("GET", "/component/motor/left/powered"), [200, { is_on: true, power_pct: 0.5 }]);
  assert.deepEqual(await ask("PUT", "/component/motor/left/stop"), [200, {}]);
  assert.deepEqual(await moves("motor/left"), {});

  const body = JSON.stringify({ linear: { y: 0.5 }, unheardOf: true });
  assert.deepEqual(await ask("POST", "/component/base/base/set_power", { body }), [200, {}]);
  assert.deepEqual(await moves("base/base"), { is_moving: true });
  assert.deepEqual(await ask("GET", "/stop_all"), [200, {}]);
  assert.deepEqual(await moves("base/base"), {});
});

test("the arm of the other part moves to where a body says, and tells it", async () => {
  const body = JSON.stringify({ positions: { values: [2, 0, 0, 0, 0, 1] } });
  assert.deepEqual(await ask("PUT", "/component/arm/arm/joint_positions", { body }), [200, {}]);
  const [, { positions }] = await ask("GET", "/component/arm/arm:arm/joint_positions");
  assert.deepEqual((positions as { values: number[] }).values.map(Math.round), [2, 0, 0, 0, 0, 1]);
});

test("a sensor is read, and a command of anybody's making goes through and back", async () => {
  const [status, { readings }] = await ask("GET", "/component/sensor/sensor/readings");
  assert.equal(status, 200);
  assert.equal(typeof (readings as Json).temperature_celsius, "number");
  const command = { to: [1, "two", null, { three: true }] };
  const answered = [200, { result: command }];
  assert.deepEqual(
    await ask("POST", "/component/motor/left/do_command", { body: JSON.stringify({ command }) }),
    answered,
  );
  const query = new URLSearchParams({ command: JSON.stringify(command) });
  assert.deepEqual(await ask("POST", `/component/motor/left/do_command?${query}`), answered);
});

test("errors say what is wrong, with the HTTP status of their code", async () => {
  const seen = robot.main.devices.all().length;
  const power = "/component/motor/left/power";
  const [bad, { code, message }] = await ask("PUT", power, { body: '{"power_pct":' });
  assert.deepEqual([bad, code], [400, 3]);
  assert.match(String(message), /not JSON/);
  const [mistyped, { message: why }] = await ask("PUT", power, { body: '{"power_pct":"fast"}' });
  assert.equal(mistyped, 400);
  assert.match(String(why), /power_pct.*fast/);
  const [unknown, about] = await ask("PUT", "/component/motor/no-such-motor/power");
  assert.deepEqual([unknown, about.code, about.details], [500, 2, []]);
  assert.match(String(about.message), /no-such-motor/);
  assert.deepEqual(await ask("GET", power), [501, { code: 12, message: "Method Not Allowed", details: [] }]);
  assert.deepEqual(await ask("GET", "/component/lamp/l/on"), [404, { code: 5, message: "Not Found", details: [] }]);
  assert.deepEqual(robot.main.devices.after(seen), [], "nothing of it reached the hardware");
});

test("a page of another origin cannot drive the robot", async () => {
  const headers = { origin: "https://elsewhere.example" };
  const answer = await fetch(`${robot.url}/api/v1/component/motor/left/power?power_pct=1`, { method: "PUT", headers });
  assert.equal(answer.status, 403);
  const near = await fetch(`${robot.url}/api/v1/version`, { headers: { origin: "http://localhost:5173" } });
  assert.equal(near.headers.get("access-control-allow-origin"), "http://localhost:5173");
});

test("a motion whose client goes is cancelled and its hardware stopped", async () => {
  const seen = robot.main.devices.all().length;
  const going = new AbortController();
  const path = "/component/base/base/move_straight?distance_mm=100000&mm_per_sec=100";
  const motion = fetch(`${robot.url}/api/v1${path}`, { method: "POST", signal: going.signal });
  motion.catch(() => undefined);
  await robot.main.devices.came(
    "the left wheel's motion",
    ({ device, command }) => device === "left" && command !== "stop",
    seen,
  );
  const [, { operations }] = await ask("GET", "/operations/list");
  assert.deepEqual(
    (operations as { method: string }[]).map(({ method }) => method),
    ["/viam.component.base.v1.BaseService/MoveStraight"],
  );
  going.abort();
  await assert.rejects(motion);
  await robot.main.devices.came("a stop", ({ device, command }) => device === "left" && command === "stop", seen);
  await until("the operation is gone", async () => (await ask("GET", "/operations/list"))[1].operations === undefined);
});

test("a session of one's own lives by its heartbeats, and its id vouches for commands", async () => {
  const [, { id, heartbeat_window }] = await ask("POST", "/sessions");
  assert.equal(heartbeat_window, "2s");
  assert.deepEqual(await ask("POST", `/sessions/${id}/heartbeat`), [200, {}]);
  const sid = { headers: { "viam-sid": String(id) } };
  assert.deepEqual(await ask("PUT", "/component/motor/right/power?power_pct=0.1", sid), [200, {}]);
  const [ended, { message }] = await ask("PUT", "/component/motor/right/power?power_pct=0.1", {
    headers: { "grpc-metadata-viam-sid": "00000000-0000-4000-8000-000000000000" },
  });
  assert.deepEqual([ended, message], [400, "SESSION_EXPIRED"]);
  assert.deepEqual(await ask("PUT", "/component/motor/right/stop"), [200, {}]);
});

test("with authentication a call needs a token, and is told so before it sends its body", async () => {
  const locked = await startRobot({
    gateway: { auth: { handlers: [{ type: "api-key", config: { someone: "sesame", keys: ["someone"] } }] } },
  });
  try {
    const lacking = [401, { code: 16, message: "authentication required", details: [] }];
    assert.deepEqual(await ask("GET", "/resources/list", {}, locked.url), lacking);
    assert.deepEqual(await ask("PUT", "/component/motor/left/power", { body: "{" }, locked.url), lacking);
    const auth = createClient(AuthService, createGrpcTransport({ baseUrl: locked.url }));
    const { accessToken } = await auth.authenticate({
      entity: "someone",
      credentials: { type: "api-key", payload: "sesame" },
    });
    const headers = { authorization: `Bearer ${accessToken}` };
    assert.deepEqual(await ask("PUT", "/component/motor/left/power?power_pct=0.5", { headers }, locked.url), [200, {}]);
    assert.equal((await ask("GET", "/version", { headers: { authorization: "Bearer x" } }, locked.url))[0], 401);
  } finally {
    await locked.stop();
  }
});
