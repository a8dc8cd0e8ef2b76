import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Bench, createBench, createTestAct, refusal } from "../testing/bench.js";
import { ORIGIN, rolled } from "./differential-drive.js";

const B = "base/b";
const pose = async (bench: Bench) =>
  (await bench.call(B, "DoCommand", { command: {} })).result as Record<string, number>;
const near = (actual: Record<string, number>, xMm: number, yMm: number, headingDeg: number, within = 1e-6) => {
  for (const [key, expected] of Object.entries({ x_mm: xMm, y_mm: yMm, heading_deg: headingDeg })) {
    assert.ok(Math.abs(actual[key]! - expected) <= within, `${key}: ${actual[key]} is not near ${expected}`);
  }
};

test("a plain fake base drives straight, spins, and drives on from there", async () => {
  const bench = await createBench([B]);
  await bench.during(5000, bench.call(B, "MoveStraight", { distanceMm: 1000n, mmPerSec: 500 }));
  near(await pose(bench), 0, 1000, 0);
  await bench.during(5000, bench.call(B, "Spin", { angleDeg: 90, degsPerSec: 45 }));
  near(await pose(bench), 0, 1000, 90);
  await bench.during(5000, bench.call(B, "MoveStraight", { distanceMm: -200n, mmPerSec: 100 }));
  near(await pose(bench), 200, 1000, 90);
  assert.equal((await bench.call(B, "IsMoving")).isMoving, false);
});

test("SetVelocity and SetPower go on until Stop", async () => {
  const bench = await createBench([B]);
  await bench.call(B, "SetVelocity", { linear: { y: 300 }, angular: { z: 0 } });
  await bench.clock.advance(2000);
  near(await pose(bench), 0, 600, 0);
  await bench.call(B, "SetPower", { linear: { y: -0.1 } });
  await bench.clock.advance(1000);
  // Own motors turn at 200 rpm at most, wheels are 300 mm around: full power is 1 m/s.
  near(await pose(bench), 0, 500, 0);
  await bench.call(B, "Stop");
  await bench.clock.advance(1000);
  near(await pose(bench), 0, 500, 0);
  assert.deepEqual((await bench.call(B, "GetStatus")).result, { is_moving: false });
});

const WITH_MOTORS = [
  ["motor/left", { max_rpm: 200 }],
  ["motor/right", { max_rpm: 200 }],
  [B, { left: "left", right: ["right"], width_mm: 500, wheel_circumference_mm: 200 }],
] as const;

test("a base with motors drives them, is one motion group with them, and stops them", async () => {
  const bench = await createBench(...WITH_MOTORS, ["motor/other"]);
  assert.deepEqual(bench.resource(B).drives, ["left", "right"]);
  for (const name of ["b", "left", "right"]) {
    const group = bench.set.motionGroup(name).map((resource) => resource.name);
    assert.deepEqual(group.sort(), ["b", "left", "right"]);
  }
  assert.deepEqual(
    bench.set.motionGroup("other").map(({ name }) => name),
    ["other"],
  );
  await bench.call(B, "SetVelocity", { linear: { y: 200 } });
  await bench.clock.advance(1000);
  assert.equal((await bench.call("motor/left", "GetPosition")).position, 1);
  await bench.call(B, "Stop");
  assert.equal((await bench.call("motor/right", "IsMoving")).isMoving, false);
});

test("the pose follows the motors whoever moves them, exactly", async () => {
  const speed = fc.integer({ min: -200, max: 200 });
  const step = fc.record({ left: speed, right: speed, ms: fc.integer({ min: 1, max: 3000 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const bench = await createBench(...WITH_MOTORS);
      let expected = ORIGIN;
      for (const { left, right, ms } of steps) {
        await bench.call("motor/left", "SetRPM", { rpm: left });
        await bench.call("motor/right", "SetRPM", { rpm: right });
        await bench.clock.advance(ms);
        expected = rolled(expected, (left * ms * 200) / 60_000, (right * ms * 200) / 60_000, 500);
      }
      near(await pose(bench), expected.xMm, expected.yMm, expected.headingDeg, 1e-6);
    }),
    { numRuns: 25 },
  );
});

test("an aborted, fenced or stopped motion writes nothing more to either wheel", async () => {
  for (const end of ["abort", "fence", "stop"] as const) {
    const bench = await createBench(...WITH_MOTORS);
    const act = createTestAct();
    const going = bench.call(B, "MoveStraight", { distanceMm: 5000n, mmPerSec: 100 }, act);
    await bench.clock.advance(1050);
    if (end === "stop") await bench.call(B, "Stop");
    else act[end]();
    const writes = act.writes();
    await assert.rejects(bench.during(60_000, going), refusal(end === "fence" ? "fenced" : "cancelled", /./));
    assert.equal(act.writes(), writes, end);
    assert.equal((await bench.call(B, "IsMoving")).isMoving, end !== "stop");
  }
});

test("a wheel that fails does not leave the other one turning", async () => {
  const bench = await createBench(
    ["motor/left", { max_rpm: 200 }],
    ["motor/right", { max_rpm: 200 }],
    [B, { left: "left", right: "right" }],
  );
  const right = bench.resource("motor/right");
  Object.assign(right, { setPower: () => Promise.reject(new Error("cable pulled")) });
  await assert.rejects(bench.call(B, "SetPower", { linear: { y: 1 } }), /cable pulled/);
  assert.equal((await bench.call(B, "IsMoving")).isMoving, false);
});

test("bad values and impossible speeds are refused with what would be right", async () => {
  const bench = await createBench([B]);
  const bad: [string, Record<string, unknown>, RegExp][] = [
    ["SetPower", { linear: { y: Number.NaN } }, /linear.y is NaN/],
    ["SetPower", { linear: { x: Number.POSITIVE_INFINITY } }, /linear.x is Infinity/],
    ["SetPower", { angular: { z: -2 } }, /angular.z\) of "b" is -2: send a number from -1 to 1/],
    ["SetVelocity", { linear: { y: 5000 } }, /left wheel .* from -200 to 200 rpm: ask for less/],
    ["MoveStraight", { distanceMm: 100n, mmPerSec: 0 }, /speed of "b" is 0/],
    ["MoveStraight", { distanceMm: 100n, mmPerSec: 1e9 }, /ask for less/],
    ["Spin", { angleDeg: Number.NaN, degsPerSec: 1 }, /angle_deg is NaN/],
    ["Spin", { angleDeg: 10, degsPerSec: 0 }, /turning speed of "b" is 0/],
  ];
  for (const [method, request, message] of bad) {
    await assert.rejects(bench.call(B, method, request), refusal("bad_request", message));
  }
  assert.equal((await bench.call(B, "IsMoving")).isMoving, false);
});

test("GetProperties and GetGeometries tell its measures", async () => {
  const bench = await createBench(...WITH_MOTORS);
  const { widthMeters, wheelCircumferenceMeters } = await bench.call(B, "GetProperties");
  assert.deepEqual([widthMeters, wheelCircumferenceMeters], [0.5, 0.2]);
  const { geometries } = (await bench.call(B, "GetGeometries")) as { geometries: { label: string }[] };
  assert.equal(geometries[0]?.label, "b");
});
