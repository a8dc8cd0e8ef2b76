import assert from "node:assert/strict";
import { test } from "node:test";
import { createBench, refusal } from "../testing/bench.js";

const S = "sensor/s";

async function readings(bench: Awaited<ReturnType<typeof createBench>>): Promise<Record<string, unknown>> {
  const answer = (await bench.call(S, "GetReadings")).readings as Record<string, { kind: { value: unknown } }>;
  return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, value.kind.value]));
}

test("the temperature swings around its mean, and readings are counted", async () => {
  const bench = await createBench([S, { mean_celsius: 10, swing_celsius: 2 }]);
  assert.deepEqual(await readings(bench), { temperature_celsius: 10, count: 1 });
  await bench.clock.advance(15_000);
  assert.deepEqual(await readings(bench), { temperature_celsius: 12, count: 2 });
  await bench.clock.advance(30_000);
  assert.deepEqual(await readings(bench), { temperature_celsius: 8, count: 3 });
});

test("readings of all kinds cross the wire, NaN too", async () => {
  const bench = await createBench([S]);
  const values = {
    off: Number.NaN,
    list: [Number.NaN, "a", null],
    vector: { _type: "vector3", x: 1 },
    big: 5n,
    absent: undefined,
  };
  Object.assign(bench.resource(S), { readings: async () => values });
  const { off, list, vector, big, absent } = await readings(bench);
  assert.ok(Number.isNaN(off));
  assert.equal((list as { values: unknown[] }).values.length, 3);
  assert.deepEqual(Object.keys((vector as { fields: object }).fields), ["_type", "x"]);
  assert.equal(big, 5);
  assert.equal(absent, undefined);
});

test("a reading that JSON cannot say is the driver's error, with its place", async () => {
  const bench = await createBench([S]);
  Object.assign(bench.resource(S), { readings: async () => ({ raw: { bytes: new Uint8Array(2) } }) });
  await assert.rejects(readings(bench), refusal("driver", /at "raw.bytes"/));
});

test("a sensor does not move: its status is empty, and DoCommand is UNIMPLEMENTED", async () => {
  const bench = await createBench([S]);
  assert.deepEqual((await bench.call(S, "GetStatus")).result, {});
  await assert.rejects(bench.call(S, "DoCommand", { command: {} }), refusal("no_method", /DoCommand/));
});
