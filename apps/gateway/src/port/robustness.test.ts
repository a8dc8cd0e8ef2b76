import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createManualClock, type ManualClock } from "@vigil/shared/testing";
import {
  FIRST_BYTES_TIMEOUT_MS,
  FIRST_HEAD_TIMEOUT_MS,
  PEER_CHECK_MS,
  PEER_SILENCE_MS,
  REQUEST_BODY_TIMEOUT_MS,
  REQUEST_HEAD_TIMEOUT_MS,
} from "./limits.js";
import { isCannotListen } from "./listener.js";
import { dial, frame, rawCall } from "./testing/echo-client.js";
import { type EchoPort, openEchoPort, selfSigned, until } from "./testing/echo-port.js";
import { closing, dialRaw, END_HEADERS, FRAME, grpcHead, h2Frame, openingBytes, PREFACE } from "./testing/raw-http2.js";

/** Numbers in [0, 1) that are the same each time (Lehmer's generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

async function allText(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  await closing(socket);
  return text;
}

/** A well-behaved client beside the bad one: its connection and its calls must not notice. */
async function withWitness(echo: EchoPort, act: () => Promise<void>, clock?: ManualClock): Promise<void> {
  const session = dial(echo.url);
  const good = async () => assert.equal((await rawCall(session, "/t.T/Echo", frame(Buffer.of(7)))).status, 0);
  await good();
  await act();
  for (let passed = 0; clock && passed <= PEER_SILENCE_MS.client + PEER_CHECK_MS; passed += PEER_CHECK_MS) {
    clock.advance(PEER_CHECK_MS);
    await new Promise((resolve) => session.ping(resolve));
  }
  await good();
  assert.equal(session.destroyed, false);
  if (clock) assert.equal(echo.port.connections().length, 1);
  session.destroy();
  await until(() => echo.port.connections().length === 0);
  for (const call of echo.seen) assert.ok(call.connection.openCalls === 0);
}

for (const tls of [undefined, selfSigned()]) {
  const layer = tls ? "TLS" : "cleartext";

  test(`random bytes on the port, ${layer}`, async () => {
    const clock = createManualClock();
    const echo = await openEchoPort({ tls }, clock);
    const random = seeded(20_261_122);
    await withWitness(
      echo,
      async () => {
        for (let round = 0; round < 150; round += 1) {
          const socket = await dialRaw(echo.number, tls !== undefined && round % 2 === 0);
          const noise = Buffer.from(
            Array.from({ length: Math.ceil(random() * 600) }, () => Math.floor(random() * 256)),
          );
          const start = [PREFACE, Buffer.from("POST /t.T/Echo HTTP/1.1\r\n"), Buffer.of(0x16, 3, 1), Buffer.alloc(0)][
            round % 4
          ]!;
          socket.write(Buffer.concat([start, noise]));
          const closed = closing(socket);
          await new Promise((resolve) => setTimeout(resolve, 2));
          if (round % 3 === 0) socket.end();
          else socket.destroy();
          if (round % 3 !== 0) await closed;
        }
      },
      clock,
    );
    await echo.close();
  });

  test(`mutated gRPC requests, ${layer}`, async () => {
    const clock = createManualClock();
    const echo = await openEchoPort({ tls }, clock);
    const random = seeded(1_234_567);
    await withWitness(
      echo,
      async () => {
        for (let round = 0; round < 300; round += 1) {
          const bytes = Buffer.from(openingBytes(round % 2 ? "/t.T/Echo" : "/t.T/FailLate"));
          for (let count = 0; count <= random() * 4; count += 1) {
            bytes[PREFACE.length + Math.floor(random() * (bytes.length - PREFACE.length))] = Math.floor(random() * 256);
          }
          const socket = await dialRaw(echo.number, tls !== undefined);
          socket.write(random() < 0.3 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes);
          const closed = closing(socket);
          await new Promise((resolve) => setTimeout(resolve, 2));
          if (round % 2) socket.end();
          else socket.destroy();
          // What nghttp2 has given up reads no FIN: the port finds it by its silence.
          if (round % 2) continue;
          await closed;
        }
      },
      clock,
    );
    await echo.close();
  });
}

test("mutated gRPC-web requests", async () => {
  const echo = await openEchoPort();
  const random = seeded(99);
  await withWitness(echo, async () => {
    for (let round = 0; round < 200; round += 1) {
      const head =
        "POST /t.T/Echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web-text\r\ncontent-length: 12\r\n\r\n";
      const bytes = Buffer.from(`${head}AAAAAAEBAAAA`);
      for (let count = 0; count <= random() * 3; count += 1)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const socket = await dialRaw(echo.number);
      socket.write(bytes);
      setTimeout(() => socket.destroy(), 3);
      await closing(socket);
    }
  });
  await echo.close();
});

test("rapid reset: a flood of streams that are reset at once is not served, and its connection is given up", async () => {
  const clock = createManualClock();
  const echo = await openEchoPort({}, clock);
  let sent = 0;
  const flood = async () => {
    const socket = await dialRaw(echo.number);
    socket.resume();
    socket.write(Buffer.concat([PREFACE, h2Frame(FRAME.settings, 0, 0)]));
    const head = grpcHead("/t.T/Hang");
    for (; sent < 20_000; sent += 1) {
      const stream = sent * 2 + 1;
      socket.write(h2Frame(FRAME.headers, END_HEADERS, stream, head));
      socket.write(h2Frame(FRAME.rstStream, 0, stream, Buffer.of(0, 0, 0, 8)));
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await withWitness(echo, flood, clock);
  assert.ok(echo.seen.length < sent / 2, `${echo.seen.length} of ${sent} served`);
  await echo.close();
});

test("oversize headers are refused over both HTTP versions", async () => {
  const echo = await openEchoPort();
  await withWitness(echo, async () => {
    const long = "x".repeat(70_000);
    const answer = await fetch(`${echo.url}/hello`, { headers: { "x-long": long } });
    assert.equal(answer.status, 431);
    const session = dial(echo.url);
    const refused = await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)), { "x-long": long }).catch(() => ({
      status: -1,
    }));
    assert.notEqual(refused.status, 0);
    session.destroy();
  });
  await echo.close();
});

test("an aborted upload cancels its call", async () => {
  const echo = await openEchoPort();
  const socket = await dialRaw(echo.number);
  const head =
    "POST /t.T/Hang HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 5000\r\n\r\n";
  socket.write(Buffer.concat([Buffer.from(head), Buffer.of(0, 0, 0, 9, 9, 1, 2, 3)]));
  const call = await until(() => echo.seen[0]);
  socket.destroy();
  await until(() => call.cancelled);
  assert.equal(call.ended, false);
  await echo.close();
});

test("patience with peers that say nothing, half a preface, half a head, or half a body", async () => {
  const clock = createManualClock();
  const echo = await openEchoPort({}, clock);
  const post =
    "POST /t.T/Hang HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 50\r\n\r\n";
  const patience: [string, string, number][] = [
    ["silence", "", FIRST_BYTES_TIMEOUT_MS],
    ["half a preface", "PRI * HT", FIRST_BYTES_TIMEOUT_MS],
    ["half a head", "GET /hello HTTP/1.1\r\nhost: local", FIRST_HEAD_TIMEOUT_MS],
    ["half a body", `${post}abc`, REQUEST_BODY_TIMEOUT_MS],
    ["half a second head", "GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\nGET /hello HT", REQUEST_HEAD_TIMEOUT_MS],
  ];
  for (const [what, text, limitMs] of patience) {
    const socket = await dialRaw(echo.number);
    let closed = false;
    const end = closing(socket).then(() => {
      closed = true;
    });
    const received = once(socket.resume(), "data").catch(() => undefined);
    await until(() => echo.port.connections().length === 1);
    if (text) await new Promise((resolve) => socket.write(text, resolve));
    if (what === "half a second head") await received;
    // Time for the port to read what was sent; only then is its clock moved.
    const session = dial(echo.url);
    await rawCall(session, "/t.T/Echo", frame(Buffer.of(1)));
    session.destroy();
    await until(() => echo.port.connections().length === 1);
    clock.advance(limitMs - 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closed, false, what);
    clock.advance(1);
    await end;
    await until(() => echo.port.connections().length === 0);
  }
  await echo.close();
});

test("plaintext on a TLS port is told so in plain HTTP", async () => {
  const echo = await openEchoPort({ tls: selfSigned() });
  const socket = await dialRaw(echo.number);
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const text = await allText(socket);
  assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(text, /speaks TLS/);
  await until(() => echo.port.connections().length === 0);
  await echo.close();
});

test("what is no call and no route is a plain 404; gRPC over HTTP/1.1 a 415; an upgrade without a route a 404", async () => {
  const echo = await openEchoPort();
  const missing = await fetch(`${echo.url}/nowhere`);
  assert.equal(missing.status, 404);
  assert.match(missing.headers.get("content-type")!, /^text\/plain/);
  const grpc = await fetch(`${echo.url}/t.T/Echo`, {
    method: "POST",
    headers: { "content-type": "application/grpc" },
    body: "x",
  });
  assert.equal(grpc.status, 415);
  const socket = await dialRaw(echo.number);
  socket.write("GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
  assert.match(await allText(socket), /^HTTP\/1\.1 404 /);
  await echo.close();
});

test("a port in use, or an address of another machine, says what to do", async () => {
  const echo = await openEchoPort();
  for (const options of [{ port: echo.number }, { host: "192.0.2.1" }]) {
    const error = await openEchoPort(options).then(
      () => assert.fail(),
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof VigilError && isCannotListen(error));
    assert.match(error.message, /cannot listen on .*network\.bind_address/);
  }
  assert.equal(isCannotListen(new VigilError("internal", "x")), false);
  await echo.close();
});

test("localhost means both loopback addresses", async () => {
  const echo = await openEchoPort({ host: "localhost" });
  assert.equal((await fetch(`http://127.0.0.1:${echo.number}/hello`)).status, 200);
  assert.equal((await fetch(`http://[::1]:${echo.number}/hello`)).status, 200);
  await echo.close();
});
