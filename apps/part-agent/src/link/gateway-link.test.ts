import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { decodeControl } from "@vigil/links";
import { createLogger, createSystemClock, systemRandom } from "@vigil/shared";
import { WebSocketServer } from "ws";
import { createGatewayLink } from "./gateway-link.js";

test("nothing but its own frames goes out while the handshake is under way", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const link = createGatewayLink(
    {
      clock: createSystemClock(),
      random: systemRandom,
      log: createLogger({ destination: { write() {} } }),
      identity: () => ({ name: "arm", secret: "0123456789abcdef", bootId: "boot", generation: 0 }),
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
