import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createFrameSender } from "./frame-sender.js";

/** A channel with a queue of `capacity` bytes that the test drains. */
function createFullChannel(capacity: number) {
  const taken: number[] = [];
  let queued = 0;
  let waiting: (() => void)[] = [];
  return {
    taken,
    channel: {
      get queuedBytes() {
        return queued;
      },
      send(bytes: Uint8Array) {
        if (queued + bytes.length > capacity) throw new VigilError("limit", "the queue is full");
        queued += bytes.length;
        taken.push(bytes[0]!);
      },
      whenDrained: () => new Promise<void>((resolve) => waiting.push(resolve)),
    },
    async drain() {
      queued = 0;
      const awake = waiting;
      waiting = [];
      for (const wake of awake) wake();
      await new Promise(setImmediate);
    },
  };
}

const frame = (number: number, bytes = 16_000) => new Uint8Array(bytes).fill(number);

test("a message larger than the channel's queue arrives whole and in order", async () => {
  const { channel, taken, drain } = createFullChannel(2 ** 21);
  const failures: VigilError[] = [];
  const { send } = createFrameSender(channel, (error) => failures.push(error));
  const sent = Array.from({ length: 700 }, (_, index) => index % 256);
  for (const number of sent) send(frame(number), "bulk");
  for (let turn = 0; turn < 20; turn++) await drain();
  assert.deepEqual(taken, sent);
  assert.deepEqual(failures, []);
});

test("small frames do not wait behind the backlog", () => {
  const { channel, taken } = createFullChannel(2 ** 21);
  const { send } = createFrameSender(channel, assert.fail);
  for (let count = 0; count < 200; count++) send(frame(1), "bulk");
  send(frame(2, 20), "control");
  assert.equal(taken.at(-1), 2);
  assert.ok(taken.length < 200, "most of the bulk still waits");
});

test("who does not read at all fails once, and what waits for him is dropped", async () => {
  const { channel, taken, drain } = createFullChannel(2 ** 21);
  const failures: VigilError[] = [];
  const { send } = createFrameSender(channel, (error) => failures.push(error));
  for (let count = 0; count < 5000; count++) send(frame(1), "bulk");
  assert.equal(failures.length, 1);
  assert.equal(failures[0]!.reason, "limit");
  const before = taken.length;
  await drain();
  assert.equal(taken.length, before);
});

test("packets of a large message are made when there is room for them, and what follows keeps its place", async () => {
  const { channel, taken, drain } = createFullChannel(2 ** 21);
  const { send, sendLater } = createFrameSender(channel, assert.fail);
  let made = 0;
  const later = (number: number) =>
    sendLater(16_000, () => {
      made += 1;
      return frame(number);
    });
  for (let number = 1; number <= 200; number++) later(number);
  send(frame(201, 20), "bulk");
  assert.ok(made < 100, `${made} of 200 were made before there was room`);
  while (taken.at(-1) !== 201) await drain();
  assert.deepEqual(
    taken,
    Array.from({ length: 201 }, (_, index) => index + 1),
  );
});
