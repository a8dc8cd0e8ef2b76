import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, VigilError } from "@vigil/shared";
import { createSendQueue, type MessageSink } from "./send-queue.js";
import { linkRig, until } from "./testing/rig.js";

/** A clock that stands until it is moved. */
function manualClock() {
  let nowMs = 0;
  const tasks: { atMs: number; task: () => void }[] = [];
  const clock: Clock = {
    now: () => nowMs,
    wall: () => nowMs,
    after(delayMs, task) {
      const entry = { atMs: nowMs + delayMs, task };
      tasks.push(entry);
      return { cancel: () => void tasks.splice(tasks.indexOf(entry), 1) };
    },
  };
  const advance = (ms: number) => {
    nowMs += ms;
    for (const entry of tasks.filter(({ atMs }) => atMs <= nowMs)) {
      tasks.splice(tasks.indexOf(entry), 1);
      entry.task();
    }
  };
  return { clock, advance };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A sink that keeps what it gets in a queue of its own until told that it was sent. */
function manualSink() {
  const sent: string[] = [];
  const sink: Mutable<MessageSink> = {
    isReady: true,
    waitingChunks: 0,
    queue(_streamId, message) {
      sent.push(`${message[0]}`);
      sink.waitingChunks += Math.ceil(message.length / 1163);
    },
    transmit() {},
  };
  return { sink, sent };
}

test("control overtakes bulk that waits, and each keeps its own order", () => {
  const { clock, advance } = manualClock();
  const { sink, sent } = manualSink();
  const queue = createSendQueue({ clock }, sink);
  for (let i = 1; i <= 5; i++) queue.push(0, Buffer.alloc(16_384, i), "bulk");
  for (let i = 11; i <= 13; i++) queue.push(0, Buffer.alloc(10, i), "control");
  assert.deepEqual(sent, ["1", "11", "12", "13"]);
  for (let i = 0; i < 10; i++) {
    advance(10);
    sink.waitingChunks = 0;
    queue.pump();
  }
  assert.deepEqual(sent, ["1", "11", "12", "13", "2", "3", "4", "5"]);
});

test("bulk is paced at 10 MB/s", () => {
  const { clock, advance } = manualClock();
  const { sink, sent } = manualSink();
  const queue = createSendQueue({ clock }, sink);
  for (let i = 0; i < 100; i++) queue.push(0, Buffer.alloc(10_000, 1), "bulk");
  for (let ms = 0; ms < 50; ms++) {
    sink.waitingChunks = 0;
    advance(1);
    queue.pump();
  }
  assert.ok(sent.length >= 45 && sent.length <= 56, `${sent.length} messages of 10,000 bytes in 50 ms`);
});

test("nothing is sent before the sink is ready, nor more than 64 messages at a time", () => {
  const { clock } = manualClock();
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
  const { clock } = manualClock();
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
