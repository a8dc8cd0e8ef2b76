import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Code, type ConnectError } from "@connectrpc/connect";
import { redisMissing, startTestRedis } from "@vigil/leases/testing";
import { type AppProcess, startApp } from "../rig/app-process.js";
import { startClient, withClient } from "../rig/clients/index.js";
import { createRawCalls } from "../rig/clients/raw-calls.js";
import { dialChannel } from "../rig/clients/raw-channel.js";
import { LIMIT } from "../rig/limit.js";
import { type Robot, startRobot } from "../rig/robot.js";

let robot: Robot;
before(async () => {
  robot = await startRobot({ window: "1s" });
});
after(() => robot.stop());

/** Whatever a bad neighbour does, a client that behaves is served. */
async function othersAreServed(): Promise<void> {
  await withClient(robot, "ts-grpc", async (client) => {
    assert.ok("temperature_celsius" in (await client.readings()));
  });
}

test("unknown host: refused with Viam's own text, which SDKs know", LIMIT, async () => {
  await assert.rejects(startClient(robot, "ts-webrtc", "some-other-robot"), /host not preconfigured/);
  await othersAreServed();
});

test("a service that no part has, a method that the service has not", LIMIT, async () => {
  const raw = createRawCalls(robot.url);
  await assert.rejects(raw.callBytes("viam.component.gantry.v1.GantryService/Stop", new Uint8Array([10, 1, 120])), {
    code: 12,
    message: /GantryService/,
  });
  await assert.rejects(
    raw.callBytes("viam.component.base.v1.BaseService/Fly", new Uint8Array([10, 4, 98, 97, 115, 101])),
    {
      code: 12,
    },
  );
  await othersAreServed();
});

test("a request that is no protobuf, and one without a name", LIMIT, async () => {
  const raw = createRawCalls(robot.url);
  const method = "viam.component.base.v1.BaseService/IsMoving";
  await assert.rejects(raw.callBytes(method, new Uint8Array([255, 255, 255, 255])), /no resource|decode/);
  await assert.rejects(raw.callBytes(method, new Uint8Array(0)), /name/);
  await othersAreServed();
});

test("values that no motor can have", LIMIT, async () => {
  const raw = createRawCalls(robot.url);
  const move = (mmPerSec: number) =>
    raw.call("viam.component.base.v1.BaseService/MoveStraight", {
      name: "base",
      distanceMm: "100",
      mmPerSec: mmPerSec as never,
    });
  for (const value of ["NaN", "Infinity"]) await assert.rejects(move(value as never), { code: 3 });
  await othersAreServed();
});

test("bad frames on a data channel: counted, logged, and the channel's own good calls go on", LIMIT, async () => {
  const before = (await robot.metrics()).sum("vigil_commands_refused_total", { part: "gateway", reason: "limit" });
  const from = robot.gateway.log.length;
  const channel = await dialChannel(robot.url);
  try {
    for (const bytes of [[255], [10, 200, 1], Array.from({ length: 60_000 }, () => 7)])
      channel.send(Uint8Array.from(bytes));
    channel.send("a text where frames belong");
    await robot.gateway.logged("the bad frame", ({ msg }) => msg === "bad frame from a client", from);
    await robot.counted("vigil_commands_refused_total", { part: "gateway", reason: "limit" }, before + 3);
    assert.deepEqual(await channel.call("/viam.robot.v1.RobotService/GetVersion", new Uint8Array(0)), {
      code: 0,
      message: "",
    });
    assert.equal(
      (await channel.call("/viam.component.base.v1.BaseService/SetPower", new Uint8Array([9]))).code !== 0,
      true,
    );
  } finally {
    await channel.close();
  }
  await othersAreServed();
});

test("a message over the limit is refused as too large", LIMIT, async () => {
  const raw = createRawCalls(robot.url);
  const tooLarge = { name: "x".repeat(2 ** 25 + 1) };
  await assert.rejects(raw.call("viam.component.base.v1.BaseService/IsMoving", tooLarge), (error: ConnectError) => {
    return error.code === Code.ResourceExhausted;
  });
  await othersAreServed();
});

test("wrong JSON and wrong paths on /vigil/v1 answer a problem, not a page", LIMIT, async () => {
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${robot.url}/vigil/v1${path}`, init);
    return { status: response.status, body: (await response.json()) as { error: string; message: string } };
  };
  const json = { "content-type": "application/json" };
  const wrong = await ask("/stop", { method: "POST", headers: json, body: "{ not json" });
  assert.equal(wrong.status, 400);
  assert.equal(wrong.body.error, "bad_request");
  const short = await ask("/sessions/abc/revoke", { method: "POST" });
  assert.equal(short.status, 400);
  const none = await ask("/sessions/00000000/revoke", { method: "POST" });
  assert.equal(none.status, 404);
  assert.match(none.body.message, /00000000/);
  await othersAreServed();
});

test("a part with a wrong secret: refused at the gateway, told why, counted, others undisturbed", LIMIT, async () => {
  const config = write({
    part: { name: "arm", gateway: `ws://127.0.0.1:${robot.port}`, secret: "not the secret of this robot" },
    metrics: { bind_address: "127.0.0.1:0" },
    components: [],
  });
  const impostor = startApp("part-agent", config.file);
  try {
    const line = await impostor.logged("why it was refused", ({ error }) => /secret/.test(String(error)));
    assert.ok(["warn", "error"].includes(line.level));
    await robot.gateway.logged("the refusal", ({ msg, part }) => msg === "refused a part" && part === "arm");
    await robot.counted("vigil_disconnects_total", { peer: "part", cause: "refused" });
    assert.equal((await robot.metrics()).sum("vigil_part_up", { part: "arm" }), 1);
  } finally {
    await impostor.stop();
    config.remove();
  }
  await othersAreServed();
});

test("two parts with one name: the one that lives keeps its place", LIMIT, async () => {
  const second = startApp("part-agent", robot.arm.configFile);
  try {
    const line = await second.logged("that another is linked", ({ error }) =>
      /another part named arm/.test(String(error)),
    );
    assert.ok(line);
    assert.equal((await robot.metrics()).sum("vigil_part_up", { part: "arm" }), 1);
    await withClient(robot, "ts-grpc", async (client) => assert.equal((await client.joints()).length, 6));
  } finally {
    await second.stop();
  }
});

// ---- Processes that cannot start

function write(content: object): { file: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "vigil-bad-"));
  const file = join(directory, "config.json");
  writeFileSync(file, JSON.stringify(content));
  return { file, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

const gatewayWith = (more: object) => ({
  robot: "bad",
  network: { bind_address: "127.0.0.1:0", no_tls: true },
  parts: [{ name: "main", secret: "a secret only for robots of tests" }],
  ...more,
});

async function endOf(content: object): Promise<{ code: number | NodeJS.Signals; said: string }> {
  const config = write(content);
  const app: AppProcess = startApp("gateway", config.file);
  const code = await app.ended;
  config.remove();
  return { code, said: [...app.errors, ...app.log.map((line) => JSON.stringify(line))].join("\n") };
}

test("the port is taken: exit 3, and the text names the address", LIMIT, async () => {
  const { code, said } = await endOf(
    gatewayWith({ network: { bind_address: `127.0.0.1:${robot.port}`, no_tls: true } }),
  );
  assert.equal(code, 3);
  assert.match(said, new RegExp(String(robot.port)));
});

test("bad configuration: exit 2, with the path in the file", LIMIT, async () => {
  const { code, said } = await endOf(
    gatewayWith({ network: { bind_address: "127.0.0.1:0", sessions: { heartbeat_window: "5 minutes" } } }),
  );
  assert.equal(code, 2);
  assert.match(said, /heartbeat_window/);
});

for (const [what, args] of [
  ["evicts", ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]],
  ["is a replica", ["--replicaof", "127.0.0.1 1"]],
] as const) {
  test(`a Redis that ${what}: exit 2, and the text says why`, LIMIT, async (t) => {
    const missing = redisMissing();
    if (missing) return t.skip(missing);
    const redis = await startTestRedis({ args: [...args] });
    try {
      const { code, said } = await endOf(gatewayWith({ leases: { store: "redis", url: redis.url } }));
      assert.equal(code, 2, said);
      assert.match(said, /maxmemory-policy|replica/i);
    } finally {
      await redis.stop();
    }
  });
}

test(
  "Redis cannot be reached at the start: serves, is not ready, refuses motion, reads and stops",
  LIMIT,
  async (t) => {
    const missing = redisMissing();
    if (missing) return t.skip(missing);
    const redis = await startTestRedis();
    await redis.kill();
    const lonely = await startRobot({ redisUrl: redis.url, unready: true });
    try {
      const ready = await fetch(`${lonely.url}/readyz`);
      assert.equal(ready.status, 503);
      await withClient(lonely, "ts-grpc", async (client) => {
        await lonely.counted("vigil_part_up", { part: "main" });
        assert.ok("temperature_celsius" in (await client.readings()));
        await client.stopBase();
        await assert.rejects(client.drive(0.5), (error: Error & { code?: number }) => {
          assert.equal(error.code, 14);
          // The TypeScript SDK gives up for good on these words.
          assert.doesNotMatch(error.message, /invalid|configuration|cannot dial/);
          return true;
        });
        await redis.restart();
        await lonely.ready();
        await client.drive(0.1);
      });
    } finally {
      await lonely.stop();
      await redis.stop();
    }
  },
);

test(
  "a port that speaks something else is left alone: garbage, half a request, a flood of connections",
  LIMIT,
  async () => {
    const sockets = Array.from({ length: 100 }, () => connect(robot.port, "127.0.0.1"));
    for (const [index, socket] of sockets.entries()) {
      socket.on("error", () => {
        // It may be closed on us: that is what the gateway is to do.
      });
      socket.write(index % 2 === 0 ? Buffer.alloc(1000, index) : "GET / HT");
    }
    await othersAreServed();
    for (const socket of sockets) socket.destroy();
  },
);
