import assert from "node:assert/strict";
import { test } from "node:test";
import { challengePeriodMs } from "./challenge-pace.js";

test("ten challenges a window, forty once two in a row are unanswered (R1)", () => {
  assert.equal(challengePeriodMs(2000, 0), 200);
  // The second one is only just on its way.
  assert.equal(challengePeriodMs(2000, 400), 200);
  assert.equal(challengePeriodMs(2000, 600), 50);
  assert.equal(challengePeriodMs(300, 100), 7.5);
  assert.equal(challengePeriodMs(30, 30), 5);
});
