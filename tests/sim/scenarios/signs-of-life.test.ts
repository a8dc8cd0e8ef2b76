import assert from "node:assert/strict";
import { test } from "node:test";
import { forSeeds } from "./scene.js";

const WINDOW_MS = 2000;
const QUIET_MS = 10_000;
/** P1: window + 50 ms; figures of evidence that is dated at arrival have its one-way delay on top (R9). */
const P1_MS = 50;
const ONE_WAY_MS = 10;

test("scenario 1: an implicit client's page hangs while its transport answers: endless motion stops at the quiet limit", () =>
  forSeeds(10, { clients: [{ carrier: "webrtc", explicit: false }] }, async (scene) => {
    await scene.drive(0, "part0:arm");
    const sentAt = scene.client(0).lastSentAt;
    scene.client(0).hung = true;
    await scene.run(QUIET_MS - 500);
    assert.ok(scene.actuator("part0:arm").moving);
    await scene.run(1000);
    assert.ok(!scene.actuator("part0:arm").moving);
    const stoppedMs = scene.stopsOf("part0:arm").at(-1)! - sentAt;
    assert.ok(stoppedMs >= QUIET_MS - 5 && stoppedMs <= QUIET_MS + P1_MS + ONE_WAY_MS, `${stoppedMs} ms`);
    assert.equal(scene.ends.length, 0, "the session lives");
    scene.client(0).hung = false;
    await scene.drive(0, "part0:arm");
  }));

test("scenario 1: an explicit client's page hangs: suspended at window + 1.5 s, ended 10 s later", () =>
  forSeeds(10, {}, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { lastSentAt } = scene.client(0);
    scene.client(0).hung = true;
    await scene.run(WINDOW_MS + 2000);
    assert.deepEqual(scene.suspensions, ["silent"]);
    const stoppedMs = scene.stopsOf("part0:arm").at(-1)! - lastSentAt;
    assert.ok(stoppedMs >= WINDOW_MS + 1400 && stoppedMs <= WINDOW_MS + 1500 + P1_MS + ONE_WAY_MS, `${stoppedMs} ms`);
    await scene.run(10_000);
    assert.deepEqual(
      scene.ends.map(({ reason }) => reason),
      ["lapsed"],
    );
    scene.client(0).hung = false;
    await scene.run(3500);
    await scene.drive(0, "part0:arm");
  }));

test("scenario 4: the gateway stands still when its client dies, and wakes with buffered beats: the lapse is not moved", () =>
  forSeeds(30, { parts: 2 }, async (scene) => {
    await scene.drive(0, "part0:arm");
    await scene.drive(0, "part1:base");
    scene.robot.gateway.process.pause();
    // Its last beats are on the wire, and reach a gateway that does not read.
    await scene.run(scene.robot.rng.between(0, 400));
    const diedAt = scene.now;
    scene.client(0).die();
    await scene.run(0.9 * WINDOW_MS - 400);
    scene.robot.gateway.process.resume();
    await scene.run(WINDOW_MS);
    for (const name of ["part0:arm", "part1:left", "part1:right"]) {
      assert.ok(!scene.actuator(name).moving, name);
      assert.ok(scene.stopsOf(name).at(0)! <= diedAt + WINDOW_MS + P1_MS, name);
    }
  }));

test("scenario 24: the last mover is DoCommand without viam-sid, and the whole client freezes: stop at the window", () =>
  forSeeds(10, {}, async (scene) => {
    await scene.drive(0, "part0:arm", "use");
    const frozenAt = scene.now;
    scene.client(0).process.pause();
    await scene.run(WINDOW_MS + P1_MS + ONE_WAY_MS);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.ok(scene.stopsOf("part0:arm").at(0)! > frozenAt + WINDOW_MS * 0.8);
  }));

test("scenario 25: motion on one connection, beats on another: the first closes, the resource stops, the session lives", () =>
  forSeeds(10, {}, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { gateway, time } = scene.robot;
    const { name } = scene.client(0).process;
    const { connection, session } = scene.client(0);
    gateway.connected(
      { id: "beats", entity: name, host: name, challengeable: true },
      {
        challenge: (answered) => void time.at(time.now + 10, answered),
        answer: () => undefined,
        session: () => undefined,
        beaten: () => undefined,
        close: () => undefined,
      },
    );
    const beat = () => {
      gateway.heartbeat("beats", session!);
      time.at(time.now + 400, beat);
    };
    beat();
    await scene.run(50);
    const closedAt = scene.now;
    gateway.closedBy(connection!, true, "closed");
    await scene.run(100);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.ok(scene.stopsOf("part0:arm").at(0)! >= closedAt);
    await scene.run(2 * WINDOW_MS);
    assert.ok(gateway.keeper.get(session!), "the session lives on");
  }));

test("scenario 26: the pool of a live, idle browser client closes: no session ends, its motion neither by that", () =>
  forSeeds(10, { clients: [{ carrier: "web", explicit: true }] }, async (scene) => {
    await scene.drive(0, "part0:base");
    for (let closes = 0; closes < 5; closes += 1) {
      // A pool is one client to the gateway, whatever its connections do: an idle one that ends says nothing of it.
      scene.robot.gateway.cancelAll(scene.client(0).connection!);
      await scene.run(700);
    }
    assert.equal(scene.ends.length, 0);
    assert.ok(scene.actuator("part0:left").moving);
  }));

test("scenario 27: a browser's machine is cut off with no call open: stop at the window after its last message", () =>
  forSeeds(10, { clients: [{ carrier: "web", explicit: true }] }, async (scene) => {
    await scene.drive(0, "part0:arm");
    await scene.run(300);
    const { name } = scene.client(0).process;
    scene.robot.network.cut(name, "gateway");
    scene.robot.network.cut("gateway", name);
    const cutAt = scene.now;
    await scene.run(WINDOW_MS + P1_MS + ONE_WAY_MS);
    assert.ok(!scene.actuator("part0:arm").moving);
    assert.ok(scene.stopsOf("part0:arm").at(0)! > cutAt);
  }));

test("scenario 28: a forged knock and 400 ms of total loss at once: at most a suspension", () =>
  forSeeds(20, {}, async (scene) => {
    await scene.drive(0, "part0:arm");
    const { name } = scene.client(0).process;
    scene.robot.network.cut(name, "gateway");
    scene.robot.network.cut("gateway", name);
    await scene.run(200);
    scene.robot.gateway.knock(scene.client(0).connection!);
    await scene.run(10);
    assert.ok(!scene.actuator("part0:arm").moving, "what it moved stops");
    await scene.run(190);
    scene.robot.network.healAll();
    await scene.run(5000);
    assert.deepEqual([scene.ends.length, scene.suspensions], [0, ["knock"]]);
    assert.ok(!scene.actuator("part0:arm").moving, "motion needs a new command");
    await scene.drive(0, "part0:arm");
  }));

/** Scenario 35 at the size of rules.md, ten robots with ten sessions for an hour: about ten minutes of a core. */
const WHOLE_35 = process.env.VIGIL_WHOLE_SCENARIOS === "1";

test("scenario 35: 10 % loss with bursts of 500 ms: no session ends, suspensions are told", async (t) => {
  const [robots, lastsMs] = WHOLE_35 ? [10, 3_600_000] : [1, 300_000];
  const clients = Array.from({ length: 10 }, (_, index) => ({ carrier: "webrtc" as const, explicit: index % 2 === 0 }));
  const wan = { delayMs: 20, jitterMs: 20, loss: 0.1, duplicates: 0.01 };
  let suspensions = 0;
  await forSeeds(robots, { clients, wan }, async (scene) => {
    const { rng, network } = scene.robot;
    const until = scene.now + lastsMs;
    while (scene.now < until) {
      const { name } = rng.pick(scene.robot.clients).process;
      network.cut(name, "gateway");
      network.cut("gateway", name);
      await scene.run(500);
      network.healAll();
      scene.call(rng.int(clients.length), "part0:arm", "move", { durationMs: 200 });
      await scene.run(rng.between(200, 1500));
    }
    assert.equal(scene.ends.length, 0);
    suspensions += scene.suspensions.length;
  });
  const hours = (robots * clients.length * lastsMs) / 3_600_000;
  t.diagnostic(`${hours.toFixed(1)} session-hours: ${suspensions} suspensions, 0 ends`);
});
