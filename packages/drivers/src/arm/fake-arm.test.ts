import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bench, createBench, createTestAct, refusal, type TestAct } from "../testing/bench.js";

const A = "arm/a";
const joints = async (bench: Bench) =>
  ((await bench.call(A, "GetJointPositions")).positions as { values: number[] }).values;
const near = (actual: readonly number[], expected: readonly number[], within = 1e-6) => {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, index) => {
    assert.ok(Math.abs(value - expected[index]!) <= within, `joint ${index}: ${value} is not near ${expected[index]}`);
  });
};

test("a plain fake arm has one joint at 0 and goes where it is sent", async () => {
  const bench = await createBench([A]);
  assert.deepEqual(await joints(bench), [0]);
  await bench.during(1000, bench.call(A, "MoveToJointPositions", { positions: { values: [30] } }));
  near(await joints(bench), [30]);
});

test("the attributes decide how many joints there are", async () => {
  assert.equal((await joints(await createBench([A, { "arm-model": "ur5e" }]))).length, 6);
  assert.equal((await joints(await createBench([A, { "arm-model": "ur5e", joints: 7 }]))).length, 7);
});

test("the slowest joint keeps the speed limit, and all arrive together", async () => {
  const bench = await createBench([A, { joints: 3, speed_degs_per_sec: 30 }]);
  const going = bench.call(A, "MoveToJointPositions", { positions: { values: [90, -30, 0] } });
  await bench.clock.advance(1000);
  near(await joints(bench), [30, -10, 0]);
  assert.equal((await bench.call(A, "IsMoving")).isMoving, true);
  await bench.during(2000, going);
  near(await joints(bench), [90, -30, 0]);
  assert.equal((await bench.call(A, "IsMoving")).isMoving, false);
});

test("a wrong number of joints and positions out of range are refused, and nothing moves", async () => {
  const bench = await createBench([A, { joints: 2 }]);
  const move = (values: number[]) => bench.call(A, "MoveToJointPositions", { positions: { values } });
  await assert.rejects(move([1]), refusal("bad_request", /"a" has 2 joints, not 1: send one position for each/));
  await assert.rejects(move([1, Number.NaN]), refusal("bad_request", /positions\[1\] is NaN/));
  await assert.rejects(move([1, 400]), refusal("bad_request", /joint 1 of "a" is 400: .* -360 to 360 degrees/));
  await assert.rejects(bench.call(A, "MoveToJointPositions"), refusal("bad_request", /no joint positions/));
  const waypoints = { positions: [{ values: [1, 1] }, { values: [1] }] };
  await assert.rejects(bench.call(A, "MoveThroughJointPositions", waypoints), refusal("bad_request", /not 1/));
  await bench.clock.advance(1000);
  assert.deepEqual(await joints(bench), [0, 0]);
});

test("MoveThroughJointPositions passes every waypoint, no faster than asked", async () => {
  const bench = await createBench([A]);
  const going = bench.call(A, "MoveThroughJointPositions", {
    positions: [{ values: [20] }, { values: [-10] }],
    options: { maxVelDegsPerSec: 10 },
  });
  await bench.clock.advance(2000);
  near(await joints(bench), [20]);
  await bench.during(3000, going);
  near(await joints(bench), [-10]);
  await assert.rejects(
    bench.call(A, "MoveThroughJointPositions", { positions: [], options: { maxVelDegsPerSec: -1 } }),
    refusal("bad_request", /speed limit of joint 0 is -1/),
  );
});

test("GetEndPosition follows the joints, MoveToPosition brings the end to a point", async () => {
  const bench = await createBench([A, { joints: 3 }]);
  const end = async () => (await bench.call(A, "GetEndPosition")).pose as Record<string, number>;
  assert.equal((await end()).x, 600);
  await bench.during(10_000, bench.call(A, "MoveToPosition", { to: { x: 100, y: 300, oZ: 1 } }));
  const { x, y, oZ } = await end();
  near([x!, y!, oZ!], [100, 300, 1], 1e-3);
  await assert.rejects(bench.call(A, "MoveToPosition"), refusal("bad_request", /has no pose/));
  await assert.rejects(bench.call(A, "MoveToPosition", { to: { x: 1e6 } }), refusal("bad_request", /0 to 600 mm/));
});

test("an aborted, fenced or stopped motion writes nothing more", async () => {
  for (const end of ["abort", "fence", "stop"] as const) {
    const bench = await createBench([A]);
    const act = createTestAct();
    const going = bench.call(A, "MoveThroughJointPositions", { positions: [{ values: [60] }, { values: [0] }] }, act);
    await bench.clock.advance(550);
    if (end === "stop") await bench.call(A, "Stop");
    else act[end]();
    const writes = act.writes();
    await assert.rejects(bench.during(20_000, going), refusal(end === "fence" ? "fenced" : "cancelled", /./));
    assert.equal(act.writes(), writes, end);
    assert.equal(bench.clock.pending(), 0);
    if (end === "stop") near(await joints(bench), [33]);
  }
});

/** A client's stream: messages are handed over one by one, as it sends them. */
function streamTo(bench: Bench, act: TestAct = createTestAct()) {
  const waiting: ((next: IteratorResult<Record<string, unknown>>) => void)[] = [];
  const sent: IteratorResult<Record<string, unknown>>[] = [];
  const push = (next: IteratorResult<Record<string, unknown>>) => {
    const receiver = waiting.shift();
    if (receiver) receiver(next);
    else sent.push(next);
  };
  const requests: AsyncIterable<Record<string, unknown>> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = sent.shift();
        return next ? Promise.resolve(next) : new Promise((resolve) => waiting.push(resolve));
      },
    }),
  };
  let acks = 0;
  const done = (async () => {
    for await (const _ack of bench.stream(A, "MoveThroughJointPositionsStreamed", requests, act)) acks += 1;
  })();
  done.catch(() => undefined);
  return {
    done,
    acks: () => acks,
    init: () => push({ done: false, value: { name: "a", message: { case: "init", value: {} } } }),
    point(value: number, ms: number) {
      const time = { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
      const batch = { points: [{ time, positions: { values: [value] } }] };
      push({ done: false, value: { message: { case: "batch", value: batch } } });
    },
    end: () => push({ done: true, value: undefined }),
  };
}

test("a streamed trajectory moves from point to point in its own time, with an ack for each batch", async () => {
  const bench = await createBench([A]);
  const stream = streamTo(bench);
  stream.init();
  stream.point(10, 1000);
  stream.point(30, 1500);
  await bench.clock.advance(500);
  near(await joints(bench), [5]);
  await bench.clock.advance(750);
  near(await joints(bench), [20]);
  await bench.clock.advance(250);
  assert.equal(stream.acks(), 2);
  // Too fast for 60 deg/s: it comes when it can.
  stream.point(90, 1501);
  stream.end();
  await bench.during(1000, stream.done);
  near(await joints(bench), [90]);
  assert.equal(stream.acks(), 3);
});

test("a session that ends between two messages of a stream: the next moves nothing", async () => {
  const bench = await createBench([A]);
  const act = createTestAct();
  const stream = streamTo(bench, act);
  stream.init();
  stream.point(10, 500);
  await bench.clock.advance(600);
  act.fence();
  stream.point(20, 1000);
  await assert.rejects(bench.during(1000, stream.done), refusal("fenced", /./));
  near(await joints(bench), [10]);
});

test("a Stop between two messages of a stream ends the stream at once", async () => {
  const bench = await createBench([A]);
  const stream = streamTo(bench);
  stream.init();
  stream.point(10, 500);
  await bench.clock.advance(600);
  await bench.call(A, "Stop");
  await assert.rejects(bench.during(0, stream.done), refusal("cancelled", /ended by a stop/));
});

test("a stream that does not begin with init, or says it twice, is refused", async () => {
  const bench = await createBench([A]);
  const early = streamTo(bench);
  early.point(10, 500);
  await assert.rejects(bench.during(0, early.done), refusal("bad_request", /does not begin with `init`/));
  const twice = streamTo(bench);
  twice.init();
  twice.init();
  await assert.rejects(bench.during(0, twice.done), refusal("bad_request", /no batch/));
});

test("GetKinematics describes the chain as SVA", async () => {
  const bench = await createBench([A, { joints: 2 }]);
  const { format, kinematicsData } = await bench.call(A, "GetKinematics");
  assert.equal(format, 1);
  const document = JSON.parse(new TextDecoder().decode(kinematicsData as Uint8Array));
  assert.equal(document.kinematic_param_type, "SVA");
  assert.deepEqual(
    document.joints.map((joint: { id: string; parent: string }) => [joint.id, joint.parent]),
    [
      ["joint0", "base"],
      ["joint1", "link0"],
    ],
  );
});

test("status, properties and manual mode", async () => {
  const bench = await createBench([A]);
  const status = (await bench.call(A, "GetStatus")).result as Record<string, unknown>;
  assert.deepEqual(status.joint_positions, { values: [0] });
  assert.equal(status.is_moving, false);
  assert.equal((await bench.call(A, "GetProperties")).supportManualMode, false);
  assert.equal((await bench.call(A, "GetManualMode")).manualMode, false);
  await assert.rejects(bench.call(A, "SetManualMode", { manualMode: true }), refusal("no_method", /SetManualMode/));
});
