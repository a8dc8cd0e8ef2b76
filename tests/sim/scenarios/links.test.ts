import assert from "node:assert/strict";
import { test } from "node:test";
import { forSeeds } from "./scene.js";

const P1_MS = 50;

test("scenario 11: leases are fine, the path of the commands is cut: the part stops within 1 s", () =>
  forSeeds(20, { store: "redis" }, async (scene) => {
    await scene.drive(0, "part0:base");
    const cutAt = scene.now;
    scene.robot.network.cut("gateway", "part0");
    if (scene.robot.rng.chance(0.5)) scene.robot.network.cut("part0", "gateway");
    await scene.run(1000 + P1_MS);
    for (const name of ["part0:left", "part0:right"]) {
      assert.ok(!scene.actuator(name).moving);
      assert.ok(scene.stopsOf(name).at(0)! <= cutAt + 1000);
    }
  }));

test("scenario 13: an implicit session lapses in a black-out of 10 s, then 208 queued commands arrive: none moves", () =>
  forSeeds(10, { clients: [{ carrier: "webrtc", explicit: false }] }, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { network } = scene.robot;
    const { name } = scene.client(0).process;
    // The client hears the gateway, and so dials no other connection: what it sends waits.
    network.cut(name, "gateway");
    for (let sent = 0; sent < 208; sent += 1) {
      scene.call(0, "part0:arm");
      await scene.run(10_000 / 208);
    }
    assert.ok(!scene.actuator("part0:arm").moving);
    const { writes } = scene.checkers.figures;
    network.healAll();
    await scene.run(3000);
    assert.equal(scene.checkers.figures.writes, writes, "0 moves");
    await scene.run(4000);
    await scene.drive(0, "part0:arm");
  }));

test("scenario 14: a call is sent again by a client's library after a black-out: it moves nothing, the next deliberate one does", () =>
  forSeeds(10, {}, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { network, gateway } = scene.robot;
    const { name } = scene.client(0).process;
    const blocked = scene.client(0).session!;
    network.cut(name, "gateway");
    network.cut("gateway", name);
    await scene.run(8000);
    network.healAll();
    await scene.run(1500);
    const { writes } = scene.checkers.figures;
    const connection = scene.client(0).connection!;
    const retried = { id: 9999, resource: "part0:arm", class: "move_endless" as const, durationMs: 0, streamed: false };
    gateway.call(connection, retried, blocked);
    await scene.run(500);
    assert.equal(scene.checkers.figures.writes, writes);
    await scene.run(3000);
    await scene.drive(0, "part0:arm");
  }));

test("scenario 15: a live session of 60 s, its part's link blacked out for 5 s with commands queued: no old one acts", () =>
  forSeeds(10, { windowMs: 60_000, store: "redis" }, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { network } = scene.robot;
    network.cut("gateway", "part0");
    for (let sent = 0; sent < 100; sent += 1) {
      scene.call(0, "part0:arm");
      await scene.run(50);
    }
    assert.ok(!scene.actuator("part0:arm").moving);
    network.healAll();
    // The checkers hold every command that is obeyed against its age of 300 ms.
    await scene.run(3000);
    assert.equal(scene.ends.length, 0);
    await scene.drive(0, "part0:arm");
  }));

test("scenario 15: shorter black-outs than a link's second hold nothing back that could act late", () =>
  forSeeds(30, {}, async (scene) => {
    for (let outs = 0; outs < 5; outs += 1) {
      scene.robot.network.cut("gateway", "part0");
      for (let sent = 0; sent < 15; sent += 1) {
        scene.call(0, "part0:arm");
        await scene.run(50);
      }
      scene.robot.network.healAll();
      await scene.run(1500);
    }
    await scene.drive(0, "part0:arm");
  }));

test("a definite close stops within 100 ms (P2), on all parts at once", () =>
  forSeeds(20, { parts: 3, clients: [{ carrier: "grpc", explicit: false }] }, async (scene) => {
    for (const part of [0, 1, 2]) await scene.drive(0, `part${part}:base`);
    const diedAt = scene.now;
    scene.client(0).die();
    await scene.run(100);
    for (const part of [0, 1, 2]) {
      assert.ok(!scene.actuator(`part${part}:left`).moving);
      assert.ok(scene.stopsOf(`part${part}:left`).at(0)! <= diedAt + 100);
    }
    assert.equal(scene.ends[0]?.reason, "closed");
  }));
