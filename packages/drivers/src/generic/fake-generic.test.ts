import assert from "node:assert/strict";
import { test } from "node:test";
import { createBench } from "../testing/bench.js";

test("a generic fake answers a command with itself", async () => {
  const bench = await createBench(["generic/g"]);
  const command = { deep: { list: [1.5, true, "text", null] } };
  assert.deepEqual((await bench.call("generic/g", "DoCommand", { command })).result, command);
  assert.deepEqual((await bench.call("generic/g", "GetStatus")).result, {});
});

test("numbers that JSON has not cross the wire as they are", async () => {
  const bench = await createBench(["generic/g"]);
  const { result } = await bench.call("generic/g", "DoCommand", { command: { off: Number.NaN } });
  assert.ok(Number.isNaN((result as { off: number }).off));
});
