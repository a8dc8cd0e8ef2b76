import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createGatewayHandshake, decodeControl, encodeControl } from "@vigil/links";
import { createLogger, createSystemClock, systemRandom } from "@vigil/shared";
import { createManualClock } from "@vigil/shared/testing";
import { WebSocketServer } from "ws";
import { createGatewayLink } from "./gateway-link.js";

const SECRET = "0123456789abcdef";

test("nothing but its own frames goes out while the handshake is under way", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const link = createGatewayLink(
    {
      clock: createSystemClock(),
      random: systemRandom,
      log: createLogger({ destination: { write() {} } }),
      identity: () => ({ name: "arm", secret: SECRET, bootId: "boot", generation: 0 }),
      serve: () => assert.fail("nobody calls"),
      welcomed: () => assert.fail("it was not welcomed"),
      received: () => assert.fail("nothing was sent to it"),
      alive() {},
      lost() {},
    },
    {
      gateway: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
      tlsVerify: true,
      carrier: "websocket",
      software: "test",
    },
  );
  try {
    const [socket] = await once(server, "connection");
    const frames: string[] = [];
    socket.on("message", (bytes: Buffer) => frames.push(decodeControl(bytes)?.case ?? "unknown"));
    await once(socket, "message");
    // A gateway refuses a part whose ticks or states come before its proof.
    assert.equal(link.send({ case: "tick", value: { number: 1n, started: true } }), false);
    // What had gone out before would have come before the answer to this.
    socket.ping();
    await once(socket, "pong");
    assert.deepEqual(frames, ["hello"]);
  } finally {
    link.close();
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
});

/** Something that a test waits for. */
function signal(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

for (const [windowMs, inOneSecond] of [
  [60_000, 10],
  [2000, 10],
  [300, 33],
  [30, 200],
] as const) {
  test(`told a window of ${windowMs} ms, a part challenges its gateway ${inOneSecond} times a second`, async () => {
    const clock = createManualClock();
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const linked = signal();
    let probes = 0;
    const last = signal();
    server.on("connection", (socket, request) => {
      if (request.url?.startsWith("/parts/data")) return linked.resolve();
      const handshake = createGatewayHandshake(
        { random: systemRandom, send: (frame) => socket.send(encodeControl(frame)), secretOf: () => SECRET },
        "test",
      );
      socket.on("message", (bytes: Buffer) => {
        const message = decodeControl(bytes)!;
        if (message.case === "probe") {
          probes += 1;
        } else if (message.case === "tick") last.resolve();
        else if (handshake.receive(message)) {
          const welcome = { windowMs, dataToken: "t", dataChannel: false, maxCommandAgeMs: 300 };
          socket.send(encodeControl({ case: "welcome", value: welcome }));
        }
      });
    });
    const link = createGatewayLink(
      {
        clock,
        random: systemRandom,
        log: createLogger({ destination: { write() {} } }),
        identity: () => ({ name: "arm", secret: SECRET, bootId: "boot", generation: 0 }),
        serve: () => assert.fail("nobody calls"),
        welcomed() {},
        received() {},
        alive() {},
        lost() {},
      },
      {
        gateway: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
        tlsVerify: true,
        carrier: "websocket",
        software: "test",
      },
    );
    try {
      await linked.promise;
      while (!link.isUp) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1000);
      // Behind the last of them on the same path.
      link.send({ case: "tick", value: { number: 1n, started: true } });
      await last.promise;
      // One more leaves as soon as the path is up.
      assert.equal(probes, inOneSecond + 1);
    } finally {
      link.close();
      for (const socket of server.clients) socket.terminate();
      server.close();
    }
  });
}
