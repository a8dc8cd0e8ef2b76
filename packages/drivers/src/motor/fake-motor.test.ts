import assert from "node:assert/strict";
import { test } from "node:test";
import { createBench, createTestAct, refusal } from "../testing/bench.js";

const M = "motor/m";
const near = (actual: unknown, expected: number, within = 1e-6) =>
  assert.ok(Math.abs(Number(actual) - expected) <= within, `${actual} is not near ${expected}`);

test("SetRPM turns until told otherwise, and Stop ends it", async () => {
  const bench = await createBench([M]);
  await bench.call(M, "SetRPM", { name: "m", rpm: 60 });
  await bench.clock.advance(2500);
  near((await bench.call(M, "GetPosition")).position, 2.5);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, true);
  await bench.call(M, "Stop");
  await bench.clock.advance(1000);
  near((await bench.call(M, "GetPosition")).position, 2.5);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
});

test("SetPower is a fraction of max_rpm, and IsPowered tells it", async () => {
  const bench = await createBench([M, { max_rpm: 120 }]);
  await bench.call(M, "SetPower", { powerPct: -0.5 });
  await bench.clock.advance(1000);
  near((await bench.call(M, "GetPosition")).position, -1);
  const { isOn, powerPct } = await bench.call(M, "IsPowered");
  assert.deepEqual({ isOn, powerPct }, { isOn: true, powerPct: -0.5 });
  const { result } = await bench.call(M, "GetStatus");
  assert.deepEqual(result, { is_powered: true, position: -1, is_moving: true });
});

test("GoFor and GoTo end where they should; two minus signs are a plus", async () => {
  const bench = await createBench([M]);
  await bench.during(10_000, bench.call(M, "GoFor", { rpm: 30, revolutions: 5 }));
  near((await bench.call(M, "GetPosition")).position, 5);
  await bench.during(10_000, bench.call(M, "GoFor", { rpm: -30, revolutions: -5 }));
  near((await bench.call(M, "GetPosition")).position, 10);
  await bench.during(20_000, bench.call(M, "GoTo", { rpm: 60, positionRevolutions: -2.5 }));
  near((await bench.call(M, "GetPosition")).position, -2.5);
  await bench.during(0, bench.call(M, "GoTo", { rpm: 60, positionRevolutions: -2.5 }));
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
  assert.equal(bench.clock.pending(), 0);
});

test("ResetZeroPosition makes the present position minus the offset", async () => {
  const bench = await createBench([M]);
  await bench.during(1000, bench.call(M, "GoFor", { rpm: 60, revolutions: 1 }));
  await bench.call(M, "ResetZeroPosition", { offset: 0.25 });
  near((await bench.call(M, "GetPosition")).position, -0.25);
});

test("an aborted or fenced GoFor writes nothing more: what turns goes on until the guard's stop", async () => {
  for (const end of ["abort", "fence"] as const) {
    const bench = await createBench([M]);
    const act = createTestAct();
    const going = bench.call(M, "GoFor", { rpm: 60, revolutions: 10 }, act);
    await bench.clock.advance(1000);
    act[end]();
    const writes = act.writes();
    await assert.rejects(bench.during(20_000, going), refusal(end === "abort" ? "cancelled" : "fenced", /./));
    assert.equal(act.writes(), writes, end);
    assert.equal((await bench.call(M, "IsMoving")).isMoving, true);
    assert.equal(bench.clock.pending(), 0);
  }
});

test("a Stop ends a GoFor, which then writes nothing more", async () => {
  const bench = await createBench([M]);
  const act = createTestAct();
  const going = bench.call(M, "GoFor", { rpm: 60, revolutions: 10 }, act);
  await bench.clock.advance(1000);
  await bench.call(M, "Stop");
  const writes = act.writes();
  await assert.rejects(bench.during(20_000, going), refusal("cancelled", /ended by a stop or another command/));
  assert.equal(act.writes(), writes);
  near((await bench.call(M, "GetPosition")).position, 1);
});

test("another command takes over from a GoFor, a fenced one does not", async () => {
  const bench = await createBench([M]);
  const first = bench.call(M, "GoFor", { rpm: 60, revolutions: 10 });
  const fenced = createTestAct();
  fenced.fence();
  await assert.rejects(bench.call(M, "SetRPM", { rpm: 5 }, fenced), refusal("fenced", /./));
  await assert.rejects(bench.call(M, "GoFor", { rpm: 5, revolutions: 1 }, fenced), refusal("fenced", /./));
  await bench.clock.advance(1000);
  near((await bench.call(M, "GetPosition")).position, 1);
  const second = bench.call(M, "SetRPM", { rpm: -60 });
  await assert.rejects(bench.during(20_000, first), refusal("cancelled", /another command/));
  await second;
  near((await bench.call(M, "GetPosition")).position, 1 - 20);
});

test("bad values are refused with what would be right", async () => {
  const bench = await createBench([M]);
  const bad: [string, Record<string, unknown>, RegExp][] = [
    ["SetPower", { powerPct: Number.NaN }, /power_pct is NaN: send a finite number/],
    ["SetPower", { powerPct: 1.01 }, /from -1 to 1/],
    ["SetRPM", { rpm: Number.POSITIVE_INFINITY }, /rpm is Infinity/],
    ["SetRPM", { rpm: 101 }, /from -100 to 100 rpm/],
    ["GoFor", { rpm: 0, revolutions: 1 }, /speed of "m" is 0/],
    ["GoFor", { rpm: 1, revolutions: 0 }, /revolutions for "m" is 0/],
    ["GoTo", { rpm: 10, positionRevolutions: Number.NaN }, /position_revolutions is NaN/],
    ["ResetZeroPosition", { offset: Number.NaN }, /offset is NaN/],
  ];
  for (const [method, request, message] of bad) {
    await assert.rejects(bench.call(M, method, request), refusal("bad_request", message));
  }
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
});

test("DoCommand echoes, and set_power moves", async () => {
  const bench = await createBench([M]);
  assert.deepEqual((await bench.call(M, "DoCommand", { command: { hello: [1, null] } })).result, { hello: [1, null] });
  await bench.call(M, "DoCommand", { command: { set_power: 0.1 } });
  assert.equal((await bench.call(M, "IsMoving")).isMoving, true);
});

test("what a fake motor has not is UNIMPLEMENTED", async () => {
  const bench = await createBench([M]);
  await assert.rejects(bench.call(M, "GetGeometries"), refusal("no_method", /GetGeometries is not supported by "m"/));
});
