import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createManualClock } from "@vigil/shared/testing";
import { createSendQueue, type MessageSink } from "./send-queue.js";
import { linkRig, until } from "./testing/rig.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A sink that keeps what it gets in a queue of its own until told that it was sent. */
function manualSink() {
  const sent: string[] = [];
  let acknowledged = Infinity;
  const sink: Mutable<MessageSink> = {
    isReady: true,
    waitingChunks: 0,
    queue(_streamId, message) {
      sent.push(`${message[0]}`);
      sink.waitingChunks += Math.ceil(message.length / 1163);
      return sent.length;
    },
    isAcknowledged: (mark) => mark <= acknowledged,
    transmit() {},
  };
  return {
    sink,
    sent,
    /** From now on the other side has the first `count` messages and no more. */
    acknowledge(count: number) {
      acknowledged = count;
    },
  };
}

test("control overtakes bulk that waits, and each keeps its own order", () => {
  const clock = createManualClock();
  const { sink, sent } = manualSink();
  const queue = createSendQueue({ clock }, sink);
  for (let i = 1; i <= 5; i++) queue.push(0, Buffer.alloc(16_384, i), "bulk");
  for (let i = 11; i <= 13; i++) queue.push(0, Buffer.alloc(10, i), "control");
  assert.deepEqual(sent, ["1", "11", "12", "13"]);
  for (let i = 0; i < 10; i++) {
    clock.advance(10);
    sink.waitingChunks = 0;
    queue.pump();
  }
  assert.deepEqual(sent, ["1", "11", "12", "13", "2", "3", "4", "5"]);
});

test("bulk is paced at 8 MB/s", () => {
  const clock = createManualClock();
  const { sink, sent } = manualSink();
  const queue = createSendQueue({ clock }, sink);
  for (let i = 0; i < 100; i++) queue.push(0, Buffer.alloc(10_000, 1), "bulk");
  for (let ms = 0; ms < 50; ms++) {
    sink.waitingChunks = 0;
    clock.advance(1);
    queue.pump();
  }
  assert.ok(sent.length >= 36 && sent.length <= 44, `${sent.length} messages of 10,000 bytes in 50 ms`);
});

/**
 * Sends bulk over a path of a rate and a delay, which tells no arrivals from `stallsAt` on. `mostOnWay`: bytes;
 * `slowestMs`: of one piece.
 */
function flow(bytesPerMs: number, delayMs: number, forMs: number, stallsAt = forMs) {
  const PIECE_BYTES = 16_384;
  const clock = createManualClock();
  const { sink, sent, acknowledge } = manualSink();
  acknowledge(0);
  const queue = createSendQueue({ clock }, sink);
  const arrivals: number[] = [];
  let busyUntil = 0;
  let slowestMs = 0;
  let mostOnWay = 0;
  for (let ms = 0; ms < forMs; ms++) {
    while (queue.queuedBytes(0) < 2 ** 20) queue.push(0, Buffer.alloc(PIECE_BYTES), "bulk");
    while (arrivals.length < sent.length) {
      busyUntil = Math.max(busyUntil, clock.now()) + PIECE_BYTES / bytesPerMs;
      arrivals.push(busyUntil + delayMs);
      if (ms > forMs / 4) slowestMs = Math.max(slowestMs, busyUntil + delayMs - clock.now());
    }
    sink.waitingChunks = 0;
    const arrived = arrivals.filter((at) => at <= Math.min(clock.now(), stallsAt)).length;
    mostOnWay = Math.max(mostOnWay, (sent.length - arrived) * PIECE_BYTES);
    acknowledge(arrived);
    clock.advance(1);
    queue.pump();
  }
  return { rate: (sent.length * PIECE_BYTES) / forMs, slowestMs, mostOnWay };
}

for (const [megabytesPerSecond, delayMs] of [
  [1, 2],
  [3, 5],
  [8, 20],
] as const) {
  test(`bulk uses a path of ${megabytesPerSecond} MB/s and ${delayMs} ms, and control waits little behind it`, () => {
    const { rate, slowestMs } = flow(megabytesPerSecond * 1000, delayMs, 4000);
    assert.ok(rate > megabytesPerSecond * 1000 * 0.75, `${rate} bytes a ms`);
    // Two pieces are always on their way; a window without bounds would fill 1 MB, which takes 125 to 1,000 ms here.
    const atLeastMs = (2 * 16_384) / (megabytesPerSecond * 1000);
    assert.ok(slowestMs < delayMs + atLeastMs + 25, `${slowestMs} ms`);
  });
}

test("a fast path that stalls is left with no more than its delay takes at the pace of bulk", () => {
  const { mostOnWay } = flow(100_000, 3, 2000, 1800);
  // 8,000 bytes/ms for 3 ms and 2 ms more, and the piece that ends it; once 1 MB, whose arrivals then all came at one go.
  assert.ok(mostOnWay <= 5 * 8000 + 2 * 16_384, `${mostOnWay} bytes`);
});

test("nothing is sent before the sink is ready, nor more than 64 messages at a time", () => {
  const clock = createManualClock();
  const { sink, sent } = manualSink();
  sink.isReady = false;
  const queue = createSendQueue({ clock }, sink);
  for (let i = 0; i < 200; i++) queue.push(0, Buffer.alloc(1, i), "control");
  assert.equal(sent.length, 0);
  assert.equal(queue.queuedBytes(0), 200);
  sink.isReady = true;
  queue.pump();
  assert.equal(sent.length, 64);
  sink.waitingChunks = 0;
  queue.pump();
  assert.equal(sent.length, 128);
});

test("sizes and bounds are refused with what to do about it", async () => {
  const clock = createManualClock();
  const { sink } = manualSink();
  sink.isReady = false;
  const queue = createSendQueue({ clock }, sink);
  const reason = (expected: string) => (error: unknown) => error instanceof VigilError && error.reason === expected;
  assert.throws(() => queue.push(0, "", "control"), reason("bad_request"));
  assert.throws(() => queue.push(0, Buffer.alloc(65_536), "control"), reason("limit"));
  for (let i = 0; i < 64; i++) queue.push(0, Buffer.alloc(65_535), "bulk");
  assert.throws(() => queue.push(0, Buffer.alloc(65_535), "bulk"), reason("limit"));
  queue.push(0, Buffer.alloc(65_535), "control"); // A full bulk queue does not keep a heartbeat out.

  const drained = queue.whenDrained(0);
  queue.close();
  await assert.rejects(drained, reason("cancelled"));
  await assert.rejects(queue.whenDrained(0), reason("cancelled"));
});

test("a message may be changed after it was sent, and drained means drained", async () => {
  const rig = await linkRig();
  const heard: Buffer[] = [];
  rig.server.data.onMessage((message) => heard.push(message as Buffer));
  const buffer = Buffer.alloc(60_000, 1);
  for (let i = 0; i < 20; i++) rig.client.data.send(buffer, "bulk");
  buffer.fill(2);
  assert.ok(rig.client.data.queuedBytes > 0);
  await rig.client.data.whenDrained();
  assert.ok(rig.client.data.queuedBytes <= 65_536);
  await until(() => heard.length === 20, "all arrive");
  assert.ok(heard.every((message) => message.length === 60_000 && message.every((byte) => byte === 1)));
  await rig.close();
});
