import assert from "node:assert/strict";
import { test } from "node:test";
import { createManualClock } from "@vigil/shared/testing";
import { nodeRig } from "../testing/rig.js";
import type { CandidatePairView, IceConnection } from "../werift-internals.js";
import { nominatePromptly } from "./prompt-nomination.js";

/** A connection whose time is counted by hand; `checks` are the instants at which it started one. */
function pacedConnection({ iceControlling }: { iceControlling: boolean }) {
  const clock = createManualClock();
  const checks: number[] = [];
  const pair = {} as CandidatePairView;
  const connection = {
    state: "new",
    iceControlling,
    nominated: undefined as CandidatePairView | undefined,
    checkList: [] as CandidatePairView[],
    schedulingChecks() {
      checks.push(clock.now());
      return true;
    },
  };
  nominatePromptly(clock, connection as unknown as IceConnection);
  return {
    connection,
    pair,
    checks,
    pass(ms: number) {
      for (let passed = 0; passed < ms; passed++) clock.advance(1);
    },
  };
}

test("werift is let to wait for the outcome; the controlling side checks at once, every 20 ms, until a path is chosen", () => {
  const { connection, pair, checks, pass } = pacedConnection({ iceControlling: true });
  connection.checkList.push(pair);
  assert.equal(connection.schedulingChecks(), false);
  pass(45);
  assert.deepEqual(checks, [0, 20, 40]);
  connection.nominated = pair;
  pass(100);
  assert.equal(checks.length, 3);
});

test("it waits for the first path, too", async () => {
  const { connection, pair, checks, pass } = pacedConnection({ iceControlling: false });
  assert.equal(connection.schedulingChecks(), false);
  assert.equal(connection.checkList.length, 1, "werift gives up when it finds none as it begins to wait");
  await Promise.resolve();
  assert.equal(connection.checkList.length, 0);
  connection.checkList.push(pair);
  pass(100);
  assert.deepEqual(checks, [100]);
});

test("the controlled side leaves the first 100 ms to the other one, and checks by itself if nothing comes", () => {
  const { connection, pair, checks, pass } = pacedConnection({ iceControlling: false });
  connection.checkList.push(pair);
  assert.equal(connection.schedulingChecks(), false);
  pass(130);
  assert.deepEqual(checks, [100, 120]);
});

test("after a restart of ICE it paces anew, after the close no more", () => {
  const { connection, pair, checks, pass } = pacedConnection({ iceControlling: true });
  connection.checkList.push(pair);
  connection.schedulingChecks();
  connection.nominated = pair;
  pass(30);
  connection.nominated = undefined;
  connection.schedulingChecks();
  pass(25);
  assert.deepEqual(checks, [0, 30, 50]);
  connection.state = "closed";
  pass(100);
  assert.equal(checks.length, 3);
});

test("a client connects with it and without it", async () => {
  for (const without of [[], ["prompt-nomination"]]) await (await nodeRig({ answerer: { without } })).close();
});
