import assert from "node:assert/strict";
import { test } from "node:test";
import { createBench, createTestAct, refusal } from "../testing/bench.js";

const S = "servo/s";

test("Move turns at the servo's speed and settles there", async () => {
  const bench = await createBench([S, { speed_degs_per_sec: 100 }]);
  const moving = bench.call(S, "Move", { angleDeg: 90 });
  await bench.clock.advance(500);
  assert.equal((await bench.call(S, "GetPosition")).positionDeg, 50);
  assert.deepEqual((await bench.call(S, "GetStatus")).result, { position_deg: 50, is_moving: true });
  await bench.during(400, moving);
  assert.equal((await bench.call(S, "GetPosition")).positionDeg, 90);
  assert.equal((await bench.call(S, "IsMoving")).isMoving, false);
});

test("an angle out of range is refused with the range", async () => {
  const bench = await createBench([S, { min_deg: 10, max_deg: 170 }]);
  assert.equal((await bench.call(S, "GetPosition")).positionDeg, 10);
  for (const angleDeg of [9, 171]) {
    await assert.rejects(bench.call(S, "Move", { angleDeg }), refusal("bad_request", /from 10 to 170 degrees/));
  }
});

test("Stop holds it where it is; the aborted Move writes nothing more", async () => {
  const bench = await createBench([S, { speed_degs_per_sec: 100 }]);
  const act = createTestAct();
  const moving = bench.call(S, "Move", { angleDeg: 90 }, act);
  await bench.clock.advance(300);
  await bench.call(S, "Stop");
  const writes = act.writes();
  await assert.rejects(bench.during(5000, moving), refusal("cancelled", /./));
  assert.equal(act.writes(), writes);
  assert.equal((await bench.call(S, "GetPosition")).positionDeg, 30);
});
