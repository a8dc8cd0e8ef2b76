import assert from "node:assert/strict";
import { test } from "node:test";
import { createManualClock } from "@vigil/shared/testing";
import { createBulkPacer } from "./bulk-pacer.js";
import { BULK_CHUNK_BYTES, BULK_WINDOW, MARKER_RETRY_MS } from "./limits.js";

/** A path of a given rate: bytes wait in a buffer that takes all, and markers are answered when they get through. */
function simulate(bytesPerMs: number, roundTripMs: number, forMs: number) {
  const clock = createManualClock();
  let busyUntil = 0;
  let delivered = 0;
  let worstDelayMs = 0;
  const pacer = createBulkPacer(clock, (answered) => {
    const through = Math.max(busyUntil, clock.now());
    const delayMs = through - clock.now() + roundTripMs;
    if (clock.now() > forMs / 4) worstDelayMs = Math.max(worstDelayMs, delayMs);
    clock.after(delayMs, answered);
    return true;
  });
  const sender = {
    sendPiece(written: (bytes: number) => void) {
      busyUntil = Math.max(busyUntil, clock.now()) + BULK_CHUNK_BYTES / bytesPerMs;
      delivered += BULK_CHUNK_BYTES;
      clock.after(0.05, () => {
        pacer.ready(sender);
        written(BULK_CHUNK_BYTES);
      });
    },
  };
  pacer.ready(sender);
  clock.advance(forMs);
  return { rate: delivered / forMs, worstDelayMs };
}

for (const [megabytesPerSecond, roundTripMs] of [
  [1, 2],
  [1, 50],
  [5, 5],
  [12, 100],
  [100, 0.3],
] as const) {
  test(`a path of ${megabytesPerSecond} MB/s and ${roundTripMs} ms is used, and adds little delay`, () => {
    const { rate, worstDelayMs } = simulate(megabytesPerSecond * 1_000, roundTripMs, 20_000);
    assert.ok(rate > megabytesPerSecond * 1_000 * 0.8, `${rate} bytes/ms`);
    assert.ok(worstDelayMs - roundTripMs < 120, `${worstDelayMs} ms`);
  });
}

test("what is unconfirmed is bounded, and a path that says nothing gets nothing more", () => {
  const clock = createManualClock();
  let pieces = 0;
  const pacer = createBulkPacer(clock, () => true);
  const sender = {
    sendPiece(written: (bytes: number) => void) {
      pieces += 1;
      clock.after(1, () => {
        pacer.ready(sender);
        written(BULK_CHUNK_BYTES);
      });
    },
  };
  pacer.ready(sender);
  clock.advance(60_000);
  assert.ok(pieces * BULK_CHUNK_BYTES <= BULK_WINDOW.firstBytes + 2 * BULK_CHUNK_BYTES);
});

test("senders take turns, and one that leaves is not asked", () => {
  const clock = createManualClock();
  const turns: string[] = [];
  const pacer = createBulkPacer(clock, (answered) => {
    clock.after(1, answered);
    return true;
  });
  const sender = (name: string) => {
    const self = {
      sendPiece(written: (bytes: number) => void) {
        turns.push(name);
        clock.after(1, () => {
          pacer.ready(self);
          written(BULK_CHUNK_BYTES);
        });
      },
    };
    pacer.ready(self);
    return self;
  };
  sender("a");
  const b = sender("b");
  clock.advance(20);
  const share = turns.filter((name) => name === "b").length / turns.length;
  assert.ok(share > 0.4 && share < 0.6, turns.join(""));
  pacer.leave(b);
  turns.length = 0;
  clock.advance(0.5);
  assert.ok(!turns.includes("b"));
});

test("a marker that cannot be sent is tried again", () => {
  const clock = createManualClock();
  let refusals = 3;
  let answered = 0;
  let pieces = 0;
  const pacer = createBulkPacer(clock, (done) => {
    if (refusals-- > 0) return false;
    clock.after(1, () => {
      answered += 1;
      done();
    });
    return true;
  });
  const sender = {
    sendPiece(written: (bytes: number) => void) {
      pieces += 1;
      clock.after(0.1, () => {
        pacer.ready(sender);
        written(BULK_CHUNK_BYTES);
      });
    },
  };
  pacer.ready(sender);
  clock.advance(MARKER_RETRY_MS * 5);
  assert.ok(answered > 0);
  assert.ok(pieces > 50);
});
