import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { Code } from "@vigil/shared";
import type { ClosedEvent } from "./client-connection.js";
import { dial, frame, openRaw, rawCall } from "./testing/echo-client.js";
import { type EchoPort, openEchoPort, selfSigned, until } from "./testing/echo-port.js";
import { ACK, closing, dialRaw, FRAME, h2Frame, openingBytes, payloadsOf } from "./testing/raw-http2.js";

const tlsOptions = selfSigned();

/**
 * A socket to the port, and another one that goes through it: what becomes of the first is then the test's doing alone.
 * A reset of a socket on which TLS stands may still let TLS end it in good order (1 of 16 runs of Node).
 */
async function tunnel(port: number): Promise<{ raw: Socket; near: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [between] = (await once(server, "connection")) as [Socket];
  server.close();
  const raw = connect(port, "127.0.0.1");
  await once(raw, "connect");
  for (const socket of [near, between, raw]) socket.on("error", () => undefined);
  raw.pipe(between).pipe(raw);
  raw.on("close", () => between.destroy());
  return { raw, near };
}

/** A connection with one call open; `raw` is the socket that the port sees. */
async function openWithCall(echo: EchoPort, encrypted: boolean, extra = {}) {
  const { raw, near } = await tunnel(echo.number);
  const socket = encrypted ? connectTls({ socket: near, rejectUnauthorized: false, ALPNProtocols: ["h2"] }) : near;
  const session = connectHttp2(echo.url, { createConnection: () => socket });
  session.on("error", () => undefined);
  const stream = openRaw(session, "/t.T/Hang", extra);
  stream.on("error", () => undefined);
  stream.write(frame(Buffer.of(1)));
  const call = await until(() => echo.seen.find((each) => each.messages.length === 1));
  // Linux tells of a reset once: to a write of the port's that is still on its way, and then its read sees an end.
  await new Promise((resolve) => session.ping(resolve));
  return { raw, session, stream, call, connection: call.connection };
}

const closedOf = (connection: { closed: ClosedEvent | undefined }) => until(() => connection.closed);

for (const tls of [undefined, tlsOptions]) {
  describe(`an HTTP/2 connection, ${tls ? "TLS" : "cleartext"}`, () => {
    const ends: [string, (of: Awaited<ReturnType<typeof openWithCall>>) => void, ClosedEvent][] = [
      ["a client's FIN", ({ raw }) => raw.end(), { cause: "fin", definite: true }],
      [
        "a client's RST",
        ({ raw }) => {
          raw.resetAndDestroy();
          // Else Node ends the socket in good order first.
          raw.destroy();
        },
        { cause: "reset", definite: true },
      ],
      ["GOAWAY and FIN", ({ session }) => session.destroy(), { cause: "goaway", definite: true }],
      ["our own reset", ({ connection }) => connection.destroy(), { cause: "local", definite: true }],
    ];
    for (const [what, act, expected] of ends) {
      test(`${what} closes it, and its call is cancelled first`, async (t) => {
        const echo = await openEchoPort({ tls });
        // A port that stays open when an assertion fails would keep the whole file from ending.
        t.after(() => echo.close());
        const opened = await openWithCall(echo, tls !== undefined);
        let openAtClose = -1;
        let events = 0;
        opened.connection.on("closed", () => {
          events += 1;
          openAtClose = opened.connection.openCalls;
        });
        assert.equal(opened.connection.openCalls, 1);
        act(opened);
        assert.deepEqual(await closedOf(opened.connection), expected);
        assert.equal(opened.call.cancelled?.code, Code.cancelled);
        assert.equal(openAtClose, 0);
        opened.session.destroy();
        await echo.close();
        assert.equal(events, 1);
        assert.equal(echo.port.connections().length, 0);
      });
    }

    test("our reset reaches the client as a TCP reset", async () => {
      const echo = await openEchoPort({ tls });
      const socket = await dialRaw(echo.number, tls !== undefined);
      const error = closing(socket);
      let received = Buffer.alloc(0);
      socket.on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
      });
      socket.write(openingBytes("/t.T/Hang"));
      const call = await until(() => echo.seen[0]?.messages.length === 1 && echo.seen[0]);
      // A client that has something to read or write when the reset comes may see an end instead.
      await until(() => payloadsOf(FRAME.settings, received).length === 2);
      call.connection.destroy();
      assert.equal(await error, "ECONNRESET");
      await echo.close();
    });

    test("SIGKILL of the client's process closes it", async () => {
      const echo = await openEchoPort({ tls });
      const program = `
        const session = require("http2").connect("${echo.url}", { rejectUnauthorized: false });
        const stream = session.request({ ":method": "POST", ":path": "/t.T/Hang", "content-type": "application/grpc" });
        stream.write(Buffer.of(0, 0, 0, 0, 1, 1));`;
      const child = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
      const call = await until(() => echo.seen.find((each) => each.messages.length === 1));
      child.kill("SIGKILL");
      assert.equal((await closedOf(call.connection)).definite, true);
      assert.equal(call.cancelled?.code, Code.cancelled);
      await echo.close();
    });

    test("challenges are evidence, dated at their sending", async () => {
      const echo = await openEchoPort({ tls });
      const { connection, session } = await openWithCall(echo, tls !== undefined);
      assert.equal(connection.challengeable, true);
      const dates: number[] = [];
      connection.on("evidence", ({ at }) => dates.push(at));
      for (let count = 0; count < 40; count += 1) assert.equal(connection.challenge(), true);
      const sentBy = Number(process.hrtime.bigint()) / 1e6;
      await until(() => dates.length === 40);
      assert.ok(dates.every((at) => at <= sentBy));
      assert.deepEqual(
        [...dates].sort((a, b) => a - b),
        dates,
      );
      session.destroy();
      await closedOf(connection);
      assert.equal(connection.challenge(), false);
      await echo.close();
    });
  });
}

describe("who cannot be challenged", () => {
  const heads: [string, Record<string, string>][] = [
    ["gRPC-web", { "content-type": "application/grpc-web+proto" }],
    ["Via", { via: "2 proxy" }],
    ["Forwarded", { forwarded: "for=10.0.0.1" }],
    ["X-Forwarded-For", { "x-forwarded-for": "10.0.0.1" }],
  ];
  for (const [what, extra] of heads) {
    test(`${what}: from then on, for good, without evidence of what is on its way`, async () => {
      const echo = await openEchoPort();
      const session = dial(echo.url);
      await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)));
      const { connection } = echo.seen[0]!;
      let evidence = 0;
      connection.on("evidence", () => {
        evidence += 1;
      });
      assert.equal(connection.challenge(), true);
      await until(() => evidence === 1);
      await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), extra);
      await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)));
      assert.equal(connection.challengeable, false);
      assert.equal(connection.challenge(), false);
      await new Promise((resolve) => session.ping(resolve));
      assert.equal(evidence, 1);
      session.close();
      await echo.close();
    });
  }

  test("a listener behind a proxy challenges nobody and believes its proxy's address", async () => {
    const echo = await openEchoPort({ proxied: true });
    const session = dial(echo.url);
    await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), { "x-forwarded-for": "6.6.6.6, 10.0.0.9" });
    assert.equal(echo.seen[0]!.connection.challenge(), false);
    assert.equal(echo.seen[0]!.caller.remoteAddress, "10.0.0.9");
    session.close();
    await echo.close();
  });

  test("without that mark a forwarded address is not believed", async () => {
    const echo = await openEchoPort();
    const session = dial(echo.url);
    await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), { "x-forwarded-for": "10.0.0.9" });
    assert.equal(echo.seen[0]!.caller.remoteAddress, "127.0.0.1");
    session.close();
    await echo.close();
  });

  test("an answer to a challenge with other bytes is no evidence", async () => {
    const echo = await openEchoPort();
    const socket = await dialRaw(echo.number);
    socket.write(openingBytes("/t.T/Hang"));
    const call = await until(() => echo.seen[0]);
    let evidence = 0;
    call.connection.on("evidence", () => {
      evidence += 1;
    });
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
    });
    const pings = () => payloadsOf(FRAME.ping, received);
    call.connection.challenge();
    await until(() => pings().length === 1);
    socket.write(h2Frame(FRAME.ping, ACK, 0, Buffer.alloc(8, 1)));
    call.connection.challenge();
    await until(() => pings().length === 2);
    socket.write(h2Frame(FRAME.ping, ACK, 0, pings()[1]!));
    await until(() => evidence === 1);
    socket.destroy();
    await closedOf(call.connection);
    assert.equal(evidence, 1);
    await echo.close();
  });
});

test("messages that came before a FIN are delivered before the cancellation", async () => {
  const echo = await openEchoPort();
  const session = dial(echo.url);
  const stream = openRaw(session, "/t.T/Hang");
  stream.on("error", () => undefined);
  await new Promise((resolve) => session.once("connect", resolve));
  for (let count = 0; count < 20; count += 1) stream.write(frame(Buffer.of(count)));
  await new Promise((resolve) => stream.write(frame(Buffer.of(99)), resolve));
  session.destroy();
  const call = await until(() => echo.seen.find((each) => each.cancelled));
  assert.equal(call.messages.length, 21);
  assert.equal(call.ended, false);
  await echo.close();
});

test("the end of an HTTP/1.1 connection is not definite; the call open on it is cancelled", async () => {
  const echo = await openEchoPort();
  const agent = new Agent({ keepAlive: true });
  const headers = { "content-type": "application/grpc-web+proto", host: "localhost" };
  const client = request({ port: echo.number, host: "127.0.0.1", path: "/t.T/Hang", method: "POST", headers, agent });
  client.on("error", () => undefined);
  client.end(frame(Buffer.of(1)));
  const call = await until(() => echo.seen.find((each) => each.ended));
  assert.equal(call.connection.kind, "grpc-web");
  assert.equal(call.connection.httpVersion, "1.1");
  assert.equal(call.connection.challengeable, false);
  client.destroy();
  assert.equal((await closedOf(call.connection)).definite, false);
  assert.equal(call.cancelled?.code, Code.cancelled);
  agent.destroy();
  await echo.close();
});

test("closing the port answers open calls with UNAVAILABLE", async () => {
  const echo = await openEchoPort();
  const session = dial(echo.url);
  const answer = rawCall(session, "/t.T/Hang", frame(Buffer.of(1)));
  await until(() => echo.seen[0]?.ended);
  await echo.close();
  assert.equal((await answer).status, Code.unavailable);
  assert.equal(echo.seen[0]!.cancelled?.code, Code.unavailable);
});
