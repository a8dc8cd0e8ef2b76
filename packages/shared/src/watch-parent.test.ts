import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "./clock.js";
import { parentPidOf, watchParent } from "./watch-parent.js";

/** A clock whose timers run when the test says so. */
function createManualClock(): Clock & { turn(): void } {
  let pending: (() => void)[] = [];
  return {
    now: () => 0,
    wall: () => 0,
    after(_delayMs, task) {
      pending.push(task);
      return { cancel: () => (pending = pending.filter((other) => other !== task)) };
    },
    turn() {
      const due = pending;
      pending = [];
      for (const task of due) task();
    },
  };
}

test("tells once when the parent is another", () => {
  const clock = createManualClock();
  let parent = 41;
  let told = 0;
  watchParent(
    clock,
    41,
    () => told++,
    () => parent,
  );
  clock.turn();
  assert.equal(told, 0);
  parent = 1;
  clock.turn();
  clock.turn();
  assert.equal(told, 1);
});

test("tells nothing after it was cancelled", () => {
  const clock = createManualClock();
  let told = 0;
  watchParent(
    clock,
    41,
    () => told++,
    () => 1,
  ).cancel();
  clock.turn();
  assert.equal(told, 0);
});

test("reads the parent's id from the environment", () => {
  assert.equal(parentPidOf({ VIGIL_PARENT_PID: "123" }), 123);
  for (const text of [undefined, "", "0", "-1", "1x"]) assert.equal(parentPidOf({ VIGIL_PARENT_PID: text }), undefined);
});
