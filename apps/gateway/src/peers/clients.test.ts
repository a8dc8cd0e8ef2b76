import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, test } from "node:test";
import { createMemoryStore } from "@vigil/leases";
import { IGNORE_REQUESTS, OK } from "@vigil/protocol";
import { createLogger, systemRandom } from "@vigil/shared";
import { createManualClock } from "@vigil/shared/testing";
import type { Evidence, Peer } from "@vigil/transport";
import type { ClientConnection } from "../port/index.js";
import { createPort } from "../port/index.js";
import { dial, frame, rawCall } from "../port/testing/echo-client.js";
import { until } from "../port/testing/echo-port.js";
import { createSessionKeeper, type SessionKeeper } from "../sessions/session-keeper.js";
import { createClients } from "./clients.js";

const WINDOW_MS = 1000;
const KNOCK_MS = 180;
const log = createLogger({ destination: { write() {} } });

/** A gateway's port, clients and sessions with nothing behind them; `Move` needs a lease, `Read` does not. */
async function openRig() {
  const clock = createManualClock();
  let sleptMs = 0;
  const store = createMemoryStore({ clock, random: systemRandom });
  const connections = new Set<ClientConnection>();
  const ended: string[] = [];
  const knocks: string[] = [];
  const keeper: SessionKeeper = createSessionKeeper(
    {
      clock,
      random: systemRandom,
      store,
      log,
      ended({ session, reason }) {
        ended.push(reason);
        if (reason !== "lapsed") return;
        for (const id of keeper.withoutSession(session.connections)) clients.get(id)?.cut();
      },
      suspended() {},
    },
    { windowMs: WINDOW_MS, quietLimitMs: Number.POSITIVE_INFINITY },
  );
  const clients = createClients(
    {
      clock,
      random: systemRandom,
      bootTimeMs: () => clock.now() + sleptMs,
      log,
      keeper,
      arrivedAt: () => clock.now(),
      // As long as the real one waits for refusals that do not come.
      knock(address) {
        knocks.push(address);
        return new Promise((resolve) => clock.after(KNOCK_MS, () => resolve("silent")));
      },
      closed() {},
    },
    { windowMs: WINDOW_MS },
  );
  const port = createPort(
    {
      clock,
      random: systemRandom,
      log,
      handler(connection) {
        connections.add(connection);
        return (start, response, caller) => {
          const client = clients.ofConnection(connection, caller, start.metadata.get("x-entity")?.[0]);
          const leased = start.method.endsWith("Move") ? keeper.forCall(client.id, undefined) : undefined;
          void Promise.resolve(leased).then((session) => {
            keeper.callOpened(client.id, session?.id, clock.now())();
            response.trailers(OK);
          });
          return IGNORE_REQUESTS;
        };
      },
    },
    {
      host: "127.0.0.1",
      port: 0,
      proxied: false,
      origins: { authenticated: true, allowedOrigins: [], allowedHosts: [] },
    },
  );
  const routed: (ClientConnection | undefined)[] = [];
  port.fastify.get("/hello", async ({ raw }) => void routed.push(port.connectionOf(raw)));
  const { port: number } = await port.listen();
  after(async () => {
    clients.close();
    keeper.close();
    await port.close();
    await store.close();
  });
  return {
    clock,
    number,
    clients,
    keeper,
    ended,
    knocks,
    connections,
    /** Over what the requests for /hello came. */
    routed,
    /** Time passes in the steps in which the keeper looks, with its renewals written in between. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 25) {
        clock.advance(25);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    sleep(ms: number) {
      sleptMs += ms;
    },
  };
}

type Rig = Awaited<ReturnType<typeof openRig>>;

/** A client over WebRTC on this machine, of which no more is there than the test says. */
function addPeer(rig: Rig, what: Partial<Peer>): void {
  const peer: Partial<Peer> = {
    id: "peer",
    remoteAddress: () => "127.0.0.1:4000",
    localAddress: () => "127.0.0.1:5000",
    isRenegotiating: false,
    on: () => () => undefined,
    close: async () => undefined,
    ...what,
  };
  rig.clients.addPeer(peer as Peer, { remoteAddress: "127.0.0.1:4000", entity: undefined, home: undefined });
}

/** One connection of a browser or of a proxy, over which gRPC-web calls are made one after the other. */
async function openPage(rig: Rig) {
  const socket: Socket = connect(rig.number, "127.0.0.1");
  let error: string | undefined;
  socket.on("error", ({ code }: NodeJS.ErrnoException) => {
    error = code;
  });
  await once(socket, "connect");
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
  });
  return {
    async get(path: string) {
      text = "";
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
      await until(() => text.includes("HTTP/1.1 200"));
    },
    async call(method: string, entity: string) {
      text = "";
      const head = [
        `POST /t.T/${method} HTTP/1.1`,
        "host: 127.0.0.1",
        "content-type: application/grpc-web+proto",
        `x-entity: ${entity}`,
        "content-length: 5",
      ];
      socket.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), frame(Buffer.alloc(0))]));
      await until(() => text.includes("grpc-status: 0"));
    },
    error: () => error,
    isOpen: () => !socket.destroyed,
    close: () => socket.destroy(),
  };
}

test("what a browser's lapsed session was commanded over is reset; what others command over is not (R6)", async () => {
  const rig = await openRig();
  const [lost, second, other] = [await openPage(rig), await openPage(rig), await openPage(rig)];
  await lost.call("Move", "ann");
  await second.call("Read", "ann");
  await other.call("Move", "bob");
  for (let round = 0; round < 6; round += 1) {
    await rig.pass(WINDOW_MS / 4);
    await other.call("Move", "bob");
  }
  assert.deepEqual(rig.ended, ["lapsed"]);
  await until(() => lost.error() === "ECONNRESET" && second.error() === "ECONNRESET");
  await other.call("Move", "bob");
  // Whoever dials anew commands anew.
  const anew = await openPage(rig);
  await anew.call("Move", "ann");
  for (const page of [other, anew]) page.close();
});

test("what a REST client's lapsed session was commanded over is reset too (R6)", async () => {
  const rig = await openRig();
  const script = await openPage(rig);
  await script.get("/hello");
  const caller = { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1:1", origin: undefined, userAgent: "script" };
  const client = rig.clients.ofHttp({ ...caller, connection: rig.routed.at(-1) }, "ann");
  await rig.keeper.forCall(client.id, undefined);
  await rig.pass(WINDOW_MS * 1.5);
  assert.deepEqual(rig.ended, ["lapsed"]);
  await until(() => script.error() === "ECONNRESET");
});

test("a proxy's connection is not reset while anybody's session lives on it", async () => {
  const rig = await openRig();
  const shared = await openPage(rig);
  await shared.call("Move", "ann");
  for (let round = 0; round < 8; round += 1) {
    await rig.pass(WINDOW_MS / 4);
    await shared.call("Move", "bob");
  }
  assert.deepEqual(rig.ended, ["lapsed"]);
  assert.equal(shared.isOpen(), true);
  await rig.pass(WINDOW_MS * 1.5);
  assert.deepEqual(rig.ended, ["lapsed", "lapsed"]);
  await until(() => shared.error() === "ECONNRESET");
});

test("an HTTP/2 connection of a proxy is not reset either while anybody's session lives on it", async () => {
  const rig = await openRig();
  const session = dial(`http://127.0.0.1:${rig.number}`);
  const move = (entity: string) =>
    rawCall(session, "/t.T/Move", frame(Buffer.alloc(0)), { "x-entity": entity, via: "2 proxy" });
  assert.equal((await move("ann")).status, 0);
  for (let round = 0; round < 8; round += 1) {
    await rig.pass(WINDOW_MS / 4);
    assert.equal((await move("bob")).status, 0);
  }
  assert.deepEqual(rig.ended, ["lapsed"]);
  assert.equal(session.destroyed, false);
  await rig.pass(WINDOW_MS * 1.5);
  await until(() => session.destroyed);
});

test("a machine that slept has not heard its clients meanwhile: what was silent for a window lapses", async () => {
  const rig = await openRig();
  const page = await openPage(rig);
  await page.call("Move", "ann");
  rig.sleep(300);
  await rig.pass(100);
  assert.deepEqual(rig.ended, [], "300 ms of sleep are less than the window");
  rig.sleep(WINDOW_MS);
  await rig.pass(100);
  assert.deepEqual(rig.ended, ["lapsed"]);
  await until(() => page.error() === "ECONNRESET");
  // The clocks go on together: nobody else is ended for it.
  const anew = await openPage(rig);
  await anew.call("Move", "ann");
  await rig.pass(WINDOW_MS / 2);
  assert.deepEqual(rig.ended, ["lapsed"]);
  anew.close();
});

test("a line that loses every answer is challenged ten times a window all the same, while it is knocked at (R1)", async () => {
  const rig = await openRig();
  const sentAt: number[] = [];
  addPeer(rig, { challenge: () => void sentAt.push(rig.clock.now()) });
  const begin = rig.clock.now();
  await rig.pass(5 * WINDOW_MS);
  for (let window = 0; window < 5; window += 1) {
    const from = begin + window * WINDOW_MS;
    const within = sentAt.filter((at) => at >= from && at < from + WINDOW_MS);
    assert.ok(within.length >= 10, `${within.length} challenges in window ${window}`);
  }
});

test("what this process did not hear while it stood still is no silence of its clients: no knock, no more challenges", async () => {
  const rig = await openRig();
  let answer: ((evidence: Evidence) => void) | undefined;
  const sentAt: number[] = [];
  const unanswered: number[] = [];
  addPeer(rig, {
    challenge() {
      sentAt.push(rig.clock.now());
      unanswered.push(rig.clock.now());
    },
    on(event, listener) {
      if (event === "evidence") answer = listener as (evidence: Evidence) => void;
      return () => undefined;
    },
  });
  /** Answers that wait in the socket are read after the timers of a turn have run. */
  const read = () => {
    for (const atMs of unanswered.splice(0)) answer?.({ kind: "transport", atMs });
  };
  for (let turn = 0; turn < 20; turn++) {
    rig.clock.pause(WINDOW_MS / 2);
    rig.clock.advance(1);
    read();
  }
  assert.deepEqual(rig.knocks, []);
  assert.ok(sentAt.length <= 22, `${sentAt.length} challenges in 20 turns`);
  // It falls silent: now it is knocked at.
  for (let turn = 0; turn < 20; turn++) rig.clock.advance(25);
  assert.deepEqual(rig.knocks, ["127.0.0.1:4000"]);
});
