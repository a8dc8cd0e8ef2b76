import assert from "node:assert/strict";
import { test } from "node:test";
import { forSeeds } from "./scene.js";

const WINDOW_MS = 500;
const TWO = [
  { carrier: "webrtc", explicit: true },
  { carrier: "grpc", explicit: false },
] as const;

test("scenario 16: a part is paused past the window with commands queued: all refused, a stop sent, 1,000 of 1,000", async () => {
  await forSeeds(1000, { windowMs: WINDOW_MS }, async (scene) => {
    await scene.drive(0, "part0:arm");
    scene.part(0).process.pause();
    const { writes } = scene.checkers.figures;
    for (let sent = 0; sent < 3; sent += 1) scene.call(0, "part0:arm");
    await scene.run(WINDOW_MS + scene.robot.rng.between(50, 500));
    const wokeAt = scene.now;
    scene.part(0).process.resume();
    await scene.run(30);
    assert.equal(scene.checkers.figures.writes, writes);
    assert.ok(scene.stopsOf("part0:arm").at(-1)! >= wokeAt);
  });
});

test("scenario 17: the machine slept: all is stopped before the first command", () =>
  // A minute shows it as well as an hour: the monotonic clock has stood still either way.
  forSeeds(15, {}, async (scene) => {
    await scene.drive(0, "part0:arm");
    scene.part(0).process.sleep();
    const { writes } = scene.checkers.figures;
    scene.call(0, "part0:arm");
    await scene.run(60_000);
    scene.part(0).process.resume();
    await scene.run(20);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.equal(scene.checkers.figures.writes, writes);
    await scene.run(3000);
    await scene.drive(0, "part0:arm");
  }));

test("scenario 18: SetPower is in flight on a slow bus when its session ends: stop now, and after it has settled", () =>
  forSeeds(20, { slowBus: true, windowMs: WINDOW_MS }, async (scene) => {
    await scene.drive(0, "part0:arm", "move", 5000);
    const endedAt = scene.now;
    scene.robot.gateway.keeper.end(scene.client(0).session!, "revoked", "operator");
    await scene.run(200);
    assert.ok(!scene.actuator("part0:arm").moving);
    const stops = scene.stopsOf("part0:arm").filter((at) => at >= endedAt);
    assert.ok(stops.length >= 2 && stops[0]! <= endedAt + 20, stops.join());
  }));

test("scenario 19: Stop hangs after a session's end: motion there is refused, everything else goes on", () =>
  forSeeds(10, { clients: TWO, parts: 2 }, async (scene) => {
    await scene.drive(0, "part0:arm");
    await scene.drive(1, "part0:base");
    scene.actuator("part0:arm").behaviour = "hangs";
    scene.robot.gateway.keeper.end(scene.client(0).session!, "revoked", "operator");
    await scene.run(1500);
    const refused = scene.call(1, "part0:arm");
    await scene.run(100);
    assert.equal(refused.answer, "stopping");
    assert.ok(scene.actuator("part0:left").moving);
    await scene.drive(1, "part1:arm");
    assert.ok(scene.stopsOf("part0:arm").length >= 3, "it is tried again and again");
    scene.actuator("part0:arm").behaviour = "works";
    await scene.run(1500);
    await scene.drive(1, "part0:arm");
  }));

test("scenario 20: A's motion is replaced by B's, and A's clean-up calls stop: B's motion goes on", () =>
  forSeeds(20, { clients: TWO }, async (scene) => {
    await scene.drive(0, "part0:arm", "move", 10_000);
    const stops = scene.stopsOf("part0:arm").length;
    await scene.drive(1, "part0:arm");
    await scene.run(500);
    const { mover } = scene.actuator("part0:arm");
    assert.equal(scene.checkers.clientOf(mover!.session), scene.client(1));
    assert.equal(scene.stopsOf("part0:arm").length, stops);
  }));

test("scenario 21: A moved it, then B: A's lapse stops nothing, B's does, once", () =>
  forSeeds(10, { clients: TWO, windowMs: WINDOW_MS }, async (scene) => {
    await scene.drive(0, "part0:arm");
    await scene.drive(1, "part0:arm");
    scene.client(0).die();
    await scene.run(3 * WINDOW_MS);
    assert.equal(scene.stopsOf("part0:arm").length, 0);
    assert.ok(scene.actuator("part0:arm").moving);
    scene.client(1).process.pause();
    await scene.run(2 * WINDOW_MS);
    assert.equal(scene.stopsOf("part0:arm").length, 1);
  }));

test("scenario 22: A has ended: its late Stop runs, its late read answers, its late SetPower is refused", () =>
  forSeeds(10, { clients: TWO }, async (scene) => {
    await scene.drive(0, "part0:arm");
    await scene.drive(1, "part0:base");
    const { connection, session } = scene.client(0);
    scene.robot.gateway.keeper.end(session!, "ended", "operator");
    await scene.run(50);
    const late = (id: number, what: "stop" | "read" | "move_endless", resource = "part0:arm") =>
      scene.robot.gateway.call(
        connection!,
        { id, resource, class: what, durationMs: 0, streamed: false },
        what === "stop" ? undefined : session,
      );
    const stops = scene.stopsOf("part0:left").length;
    const { writes } = scene.checkers.figures;
    late(1001, "stop", "part0:left");
    late(1002, "read");
    late(1003, "move_endless");
    await scene.run(50);
    assert.ok(scene.stopsOf("part0:left").length > stops, "a Stop runs for everyone, on what another moves too");
    assert.equal(scene.checkers.figures.writes, writes);
  }));

test("scenario 23: a dashboard uses an arm that an operator owns: its end aborts and stops nothing; without an owner it does", () =>
  forSeeds(10, { clients: TWO }, async (scene) => {
    await scene.drive(0, "part0:arm", "move", 20_000);
    await scene.drive(1, "part0:arm", "use");
    await scene.run(200);
    scene.client(1).die();
    await scene.run(200);
    assert.equal(scene.ends.length, 1);
    assert.equal(scene.stopsOf("part0:arm").length, 0);
    assert.ok(scene.actuator("part0:arm").moving);
    scene.client(1).restart();
    await scene.run(500);
    await scene.drive(0, "part0:arm", "stop");
    await scene.drive(1, "part0:arm", "use");
    const stops = scene.stopsOf("part0:arm").length;
    scene.client(1).die();
    await scene.run(200);
    assert.ok(scene.stopsOf("part0:arm").length > stops);
    assert.ok(!scene.actuator("part0:arm").moving);
  }));

test("scenario 31: a driver ignores its abort: its writes are refused and the stop is repeated until it has let go", () =>
  forSeeds(10, { slowBus: true }, async (scene) => {
    scene.part(0).stubborn = true;
    await scene.drive(0, "part0:arm", "move", 8000);
    const endedAt = scene.now;
    scene.robot.gateway.keeper.end(scene.client(0).session!, "revoked", "operator");
    const { writes } = scene.checkers.figures;
    await scene.run(3000);
    assert.ok(scene.checkers.figures.writes - writes <= 0, "not one more write");
    assert.ok(scene.stopsOf("part0:arm").filter((at) => at >= endedAt).length >= 4);
    assert.ok(!scene.actuator("part0:arm").moving);
    const group = scene
      .part(0)
      .guard.groups()
      .find(({ resources }) => resources.includes("part0:arm"))!;
    assert.ok(group.stopping);
    await scene.run(8000);
    assert.ok(scene.part(0).guard.settledDown());
  }));

test("scenario 37: a streamed trajectory's session ends between two messages: the next one moves nothing", () =>
  forSeeds(20, {}, async (scene) => {
    const stream = scene.call(0, "part0:arm", "move_endless", { durationMs: 5000, streamed: true });
    await scene.run(100);
    for (let sent = 0; sent < 5; sent += 1) {
      scene.client(0).message(stream.id!);
      await scene.run(50);
    }
    assert.ok(scene.actuator("part0:arm").moving);
    scene.robot.gateway.keeper.end(scene.client(0).session!, "revoked", "operator");
    scene.client(0).message(stream.id!);
    await scene.run(5);
    const { writes } = scene.checkers.figures;
    for (let sent = 0; sent < 5; sent += 1) {
      scene.client(0).message(stream.id!);
      await scene.run(20);
    }
    assert.equal(scene.checkers.figures.writes, writes);
    assert.ok(!scene.actuator("part0:arm").moving);
  }));

test("scenario 40: S's end races S's command and S2's start in 200 orders: none lets S move or stops S2", () =>
  forSeeds(
    200,
    { clients: TWO, windowMs: WINDOW_MS, lan: { delayMs: 0.1, jitterMs: 40, loss: 0, duplicates: 0.05 } },
    async (scene) => {
      const { rng, time, gateway } = scene.robot;
      await scene.drive(0, "part0:arm");
      const { session } = scene.client(0);
      const soon = (task: () => void) => time.at(time.now + rng.between(0, 60), task);
      let taken = { answer: undefined as string | undefined };
      soon(() => session !== undefined && gateway.keeper.end(session, "revoked", "operator"));
      soon(() => scene.call(0, "part0:arm"));
      soon(() => {
        taken = scene.call(1, "part0:arm");
      });
      await scene.run(400);
      const { mover } = scene.actuator("part0:arm");
      if (mover) assert.notEqual(mover.session, session, "S does not move it");
      if (taken.answer !== "ok" || !mover) return;
      const stops = scene.stopsOf("part0:arm").length;
      await scene.run(1000);
      if (scene.checkers.clientOf(mover.session) === scene.client(1)) {
        assert.equal(scene.stopsOf("part0:arm").length, stops, "S2's motion goes on");
      }
    },
  ));
