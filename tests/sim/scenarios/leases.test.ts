import assert from "node:assert/strict";
import { test } from "node:test";
import { forSeeds } from "./scene.js";

const WINDOW_MS = 2000;
const P1_MS = 50;

test("scenario 5: renewals stall for 3 s before the store runs them: refused, stopped on time", () =>
  forSeeds(10, { store: "redis" }, async (scene) => {
    await scene.drive(0, "part0:arm");
    const stalledAt = scene.now;
    scene.checkers.excuse("all");
    scene.robot.store!.process.pause();
    await scene.run(3000);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.ok(scene.stopsOf("part0:arm").at(0)! <= stalledAt + WINDOW_MS + P1_MS);
    scene.robot.store!.process.resume();
    await scene.run(1000);
    assert.ok(!scene.actuator("part0:arm").moving, "what was queued moves nothing");
    await scene.run(3000);
    await scene.drive(0, "part0:arm");
  }));

for (const ms of [-10_000, 10_000]) {
  test(`scenario 7: the client is silent and the store's clock steps by ${ms} ms: stop within 1.1 windows + 50 ms`, () =>
    forSeeds(20, { store: "redis", parts: 2 }, async (scene) => {
      await scene.drive(0, "part0:arm");
      await scene.drive(0, "part1:base");
      const diedAt = scene.now;
      scene.client(0).die();
      await scene.run(scene.robot.rng.between(0, WINDOW_MS * 0.9));
      scene.checkers.clockSteps();
      scene.robot.store!.step(ms);
      await scene.run(1.1 * WINDOW_MS + P1_MS);
      for (const name of ["part0:arm", "part1:left"]) {
        assert.ok(!scene.actuator(name).moving, name);
        assert.ok(scene.stopsOf(name).at(0)! <= diedAt + 1.1 * WINDOW_MS + P1_MS, name);
      }
    }));
}

for (const [number, how] of [
  [8, "restarts from an older snapshot"],
  [9, "fails over to a stale replica"],
] as const) {
  test(`scenario ${number}: a session has ended and the store ${how}: it stays dead everywhere`, () =>
    forSeeds(10, { store: "redis", parts: 2 }, async (scene) => {
      await scene.drive(0, "part0:arm");
      const old = scene.client(0).session!;
      scene.robot.gateway.keeper.end(old, "revoked", "operator");
      await scene.run(100);
      scene.checkers.excuse("all");
      if (number === 8) scene.robot.store!.process.kill();
      await scene.run(number === 8 ? 300 : 0);
      if (number === 8) scene.robot.store!.process.start();
      scene.robot.store!.replace();
      await scene.run(WINDOW_MS);
      assert.equal(scene.robot.gateway.keeper.get(old), undefined);
      for (const part of scene.robot.parts) {
        const asked = part.guard.sessionsToAsk(part.process.clock.now());
        assert.ok(!asked.includes(old), "no part asks about it any more");
      }
      assert.ok(!scene.actuator("part0:arm").moving);
      await scene.run(WINDOW_MS);
      await scene.drive(0, "part0:arm");
      assert.notEqual(scene.actuator("part0:arm").mover!.session, old);
    }));
}

test("scenario 10: the gateway with the built-in store restarts in 300 ms: old ids end, new sessions work", () =>
  forSeeds(10, { parts: 2 }, async (scene) => {
    await scene.drive(0, "part0:arm");
    const old = scene.client(0).session!;
    scene.robot.gateway.process.kill();
    const killedAt = scene.now;
    await scene.run(300);
    scene.robot.gateway.restart();
    await scene.run(1000);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.ok(
      scene.stopsOf("part0:arm").at(0)! <= killedAt + 1000 + P1_MS,
      "as soon as its link is not proven any more",
    );
    await scene.run(6000);
    await scene.drive(0, "part0:arm");
    assert.notEqual(scene.actuator("part0:arm").mover!.session, old);
  }));

for (const stopGroup of ["part", "robot"] as const) {
  test(`scenario 12: the store cannot be reached from one sub, stop_group ${stopGroup}: that sub suspends, the session lives`, () =>
    forSeeds(10, { store: "redis", parts: 2, stopGroup }, async (scene) => {
      await scene.drive(0, "part0:arm");
      await scene.drive(0, "part1:arm");
      scene.robot.network.cut("part1", "store");
      scene.robot.network.cut("store", "part1");
      const cutAt = scene.now;
      await scene.run(WINDOW_MS + P1_MS);
      assert.ok(!scene.actuator("part1:arm").moving);
      assert.ok(scene.stopsOf("part1:arm").at(0)! <= cutAt + WINDOW_MS + P1_MS);
      assert.equal(scene.actuator("part0:arm").moving, stopGroup === "part", "what moves together stops together");
      scene.robot.network.healAll();
      await scene.run(1000);
      assert.equal(scene.ends.length, 0);
      const { fences } = scene.checkers.figures;
      await scene.run(500);
      assert.equal(scene.checkers.figures.fences, fences, "one part's suspension does not echo from the others");
      await scene.drive(0, "part1:arm");
      await scene.drive(0, "part0:arm");
    }));
}

test("scenario 36: a session is revoked with pub/sub cut and a window of 60 s: stopped within 250 ms by asking", () =>
  forSeeds(10, { store: "redis", windowMs: 60_000 }, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { mover } = scene.actuator("part0:arm");
    scene.robot.store!.isMute = true;
    // Another gateway, or a person, ends the lease in the store: nobody tells this part.
    const revoker = scene.robot.store!.client(scene.client(0).process);
    await scene.run(20);
    const revokedAt = scene.now;
    const ended = revoker.end(mover!.session);
    await scene.run(250);
    assert.equal(await ended, true);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.ok(scene.stopsOf("part0:arm").at(0)! <= revokedAt + 250);
  }));
