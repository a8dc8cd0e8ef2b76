import assert from "node:assert/strict";
import { test } from "node:test";
import { createBench, createTestAct, refusal } from "../testing/bench.js";

const G = "gripper/g";

test("Grab closes onto what lies between the jaws, Open lets it go", async () => {
  const bench = await createBench([G, { stroke_mm: 100, speed_mm_per_sec: 100, object_mm: 40 }]);
  const grabbing = bench.call(G, "Grab");
  await bench.clock.advance(300);
  assert.deepEqual((await bench.call(G, "GetCurrentInputs")).values, [70]);
  assert.equal((await bench.call(G, "IsMoving")).isMoving, true);
  assert.equal((await bench.during(300, grabbing)).success, true);
  assert.deepEqual((await bench.call(G, "GetCurrentInputs")).values, [40]);
  assert.equal((await bench.call(G, "IsHoldingSomething")).isHoldingSomething, true);
  await bench.during(600, bench.call(G, "Open"));
  assert.equal((await bench.call(G, "IsHoldingSomething")).isHoldingSomething, false);
});

test("with nothing there the jaws meet, and Grab says so", async () => {
  const bench = await createBench([G, { object_mm: 0 }]);
  assert.equal((await bench.during(2000, bench.call(G, "Grab"))).success, false);
  assert.deepEqual((await bench.call(G, "GetCurrentInputs")).values, [0]);
});

test("GoToInputs takes one opening within the stroke", async () => {
  const bench = await createBench([G]);
  await bench.during(2000, bench.call(G, "GoToInputs", { values: [60] }));
  assert.deepEqual((await bench.call(G, "GetCurrentInputs")).values, [60]);
  const go = (values: number[]) => bench.call(G, "GoToInputs", { values });
  await assert.rejects(go([]), refusal("bad_request", /has 1 input, not 0/));
  await assert.rejects(go([1, 2]), refusal("bad_request", /has 1 input, not 2/));
  await assert.rejects(go([101]), refusal("bad_request", /from 0 to 100 mm/));
  await assert.rejects(go([Number.NaN]), refusal("bad_request", /values\[0\] is NaN/));
});

test("an aborted or stopped Grab writes nothing more", async () => {
  for (const end of ["abort", "stop"] as const) {
    const bench = await createBench([G]);
    const act = createTestAct();
    const grabbing = bench.call(G, "Grab", {}, act);
    await bench.clock.advance(250);
    if (end === "stop") await bench.call(G, "Stop");
    else act.abort();
    const writes = act.writes();
    await assert.rejects(bench.during(5000, grabbing), refusal("cancelled", /./));
    assert.equal(act.writes(), writes);
    if (end === "stop") assert.deepEqual((await bench.call(G, "GetCurrentInputs")).values, [75]);
  }
});

test("GetKinematics, GetGeometries and GetStatus", async () => {
  const bench = await createBench([G]);
  const { format, kinematicsData } = await bench.call(G, "GetKinematics");
  assert.equal(format, 1);
  assert.match(new TextDecoder().decode(kinematicsData as Uint8Array), /"type":"prismatic"/);
  assert.equal(((await bench.call(G, "GetGeometries")).geometries as unknown[]).length, 1);
  assert.deepEqual((await bench.call(G, "GetStatus")).result, { is_moving: false });
});
