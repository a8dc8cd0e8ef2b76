import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallHandler, createMetadata, IGNORE_REQUESTS, OK, type Status } from "@vigil/protocol";
import fc from "fast-check";
import type { FrameSender } from "./frame-sender.js";
import { createLinkCalls, type LinkCalls } from "./link-calls.js";
import { decodeLinkFrame, encodeLinkFrame } from "./link-frame.js";

const createSender = (send: (bytes: Uint8Array) => void): FrameSender => ({
  send,
  sendLater: (_bytes, frame) => send(frame()),
});

/** Two ends of a link joined by nothing but a queue of frames. */
function joined(serve: { gateway?: CallHandler; part?: CallHandler }, tick = () => 0) {
  const queue: (() => void)[] = [];
  const bad: string[] = [];
  const refuse: CallHandler = (_start, response) => {
    response.trailers({ code: 12, message: "not served" });
    return IGNORE_REQUESTS;
  };
  const gateway: LinkCalls = createLinkCalls({
    sender: createSender((bytes) => queue.push(() => part.receive(bytes))),
    serve: serve.gateway ?? refuse,
    peerTick: tick,
    onBadFrame: (reason) => bad.push(reason),
  });
  const part: LinkCalls = createLinkCalls({
    sender: createSender((bytes) => queue.push(() => gateway.receive(bytes))),
    serve: serve.part ?? refuse,
    peerTick: () => 0,
    onBadFrame: (reason) => bad.push(reason),
  });
  const flow = () => {
    for (let step = queue.shift(); step; step = queue.shift()) step();
  };
  return { gateway, part, flow, bad };
}

const echo: CallHandler = (_start, response) => ({
  message: (bytes) => response.message(bytes),
  end: () => response.trailers(OK),
  cancel() {},
});

function call(end: LinkCalls, message: Uint8Array) {
  const got: { messages: Uint8Array[]; status: Status | undefined } = { messages: [], status: undefined };
  const sink = end.call(
    { method: "/a.B/C", metadata: createMetadata({}), timeoutMs: undefined },
    {
      headers() {},
      message: (bytes) => got.messages.push(Uint8Array.from(bytes)),
      trailers(status) {
        got.status = status;
      },
    },
  );
  sink.message(message);
  sink.end();
  return got;
}

test("calls go both ways at once over one path", () => {
  const { gateway, part, flow, bad } = joined({ gateway: echo, part: echo });
  const down = call(gateway, Uint8Array.of(1, 2, 3));
  const up = call(part, Uint8Array.of(4, 5));
  flow();
  assert.deepEqual(down, { messages: [Uint8Array.of(1, 2, 3)], status: OK });
  assert.deepEqual(up, { messages: [Uint8Array.of(4, 5)], status: OK });
  assert.deepEqual(bad, []);
});

test("each frame carries the tick that was the newest when it was sent", () => {
  let newest = 41;
  const seen: number[] = [];
  const { gateway, part, flow } = joined(
    {
      part: (_start, response) => ({
        message() {
          seen.push(part.currentTick);
        },
        end: () => response.trailers(OK),
        cancel() {},
      }),
    },
    () => newest,
  );
  call(gateway, Uint8Array.of(1));
  newest = 42;
  call(gateway, Uint8Array.of(2));
  newest = 99;
  flow();
  assert.deepEqual(seen, [41, 42]);
});

test("when the path closes every open call ends on both sides", () => {
  const cancelled: Status[] = [];
  const { gateway, part, flow } = joined({
    part: () => ({ message() {}, end() {}, cancel: (status) => cancelled.push(status) }),
  });
  const open = call(gateway, Uint8Array.of(1));
  flow();
  const lost: Status = { code: 14, message: "the link is lost" };
  part.closeAll(lost);
  gateway.closeAll(lost);
  assert.equal(open.status?.code, 14);
  assert.equal(cancelled.length, 1);
});

test("no bytes make an end throw, and bad ones are told", () => {
  const { part, bad } = joined({ part: echo });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      part.receive(bytes);
    }),
    { seed: 7, numRuns: 2000 },
  );
  assert.ok(bad.length > 0);
});

test("a frame is read as it was written", () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.constantFrom("request" as const, "response" as const),
      fc.uint8Array({ minLength: 0, maxLength: 300 }),
      (tick, direction, frame) => {
        const decoded = decodeLinkFrame(encodeLinkFrame(tick, direction, frame));
        assert.deepEqual({ ...decoded, frame: Uint8Array.from(decoded.frame) }, { tick, direction, frame });
      },
    ),
    { seed: 11 },
  );
});
