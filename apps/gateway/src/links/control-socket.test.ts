import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { WebSocket, WebSocketServer } from "ws";
import { createFrameSocket, type FrameSocket } from "./control-socket.js";

const FRAME_BYTES = 16_384;

/** The gateway's end of a WebSocket and a part's. */
async function connected(t: { after(release: () => void): void }): Promise<{ socket: FrameSocket; part: WebSocket }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const part = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    part.terminate();
    server.close();
  });
  const [[accepted, request]] = await Promise.all([
    once(server, "connection") as Promise<[WebSocket, { socket: Socket }]>,
    once(part, "open"),
  ]);
  return { socket: createFrameSocket(accepted, request.socket), part };
}

test("a part that sends much takes no turn of the loop for itself", async (t) => {
  const { socket, part } = await connected(t);
  const sent = 512;
  let received = 0;
  let inTurn = 0;
  let mostInTurn = 0;
  const turn = () => {
    inTurn = 0;
    if (received < sent) setImmediate(turn);
  };
  turn();
  const whole = new Promise<void>((resolve) => {
    socket.onMessage((bytes) => {
      inTurn += bytes.length;
      mostInTurn = Math.max(mostInTurn, inTurn);
      received += 1;
      if (received === sent) resolve();
    });
  });
  for (let index = 0; index < sent; index++) part.send(Buffer.alloc(FRAME_BYTES, index));
  await whole;
  // 128 KiB, and what had been read at one go when they were reached.
  assert.ok(mostInTurn <= 128 * 1024 + 64 * 1024 + FRAME_BYTES, `${mostInTurn} bytes in one turn`);
});

test("what a part does not read is counted, and it drains", async (t) => {
  const { socket, part } = await connected(t);
  part.pause();
  // More than any kernel takes.
  for (let index = 0; index < 4096; index++) socket.channel.send(Buffer.alloc(FRAME_BYTES), "bulk");
  await new Promise(setImmediate);
  assert.ok(socket.channel.queuedBytes > 0);
  const drained = socket.channel.whenDrained();
  part.resume();
  await drained;
  assert.equal(socket.channel.queuedBytes, 0);
  for (let index = 0; index < 4096; index++) socket.channel.send(Buffer.alloc(FRAME_BYTES), "bulk");
  part.pause();
  const never = socket.channel.whenDrained();
  part.terminate();
  await assert.rejects(never, /closed/);
});

test("small frames, too, are refused once 64 MiB wait", async (t) => {
  const { socket, part } = await connected(t);
  part.pause();
  const sendAll = () => {
    for (let index = 0; index < 5000; index++) socket.channel.send(Buffer.alloc(FRAME_BYTES), "control");
  };
  assert.throws(sendAll, (error) => error instanceof VigilError && error.reason === "limit");
});
