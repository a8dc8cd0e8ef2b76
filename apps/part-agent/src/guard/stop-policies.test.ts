import assert from "node:assert/strict";
import { test } from "node:test";
import { createPartBench, type PartBench } from "../testing/part-bench.js";

type Component = Readonly<Record<string, unknown>>;

async function withPart(components: readonly Component[], use: (part: PartBench) => Promise<void>): Promise<void> {
  const part = await createPartBench(components);
  try {
    await use(part);
  } finally {
    await part.close();
  }
}

const motor = (name: string, safety: Component = {}, attributes: Component = {}) => ({
  name,
  api: "motor",
  safety,
  attributes,
});
const stopEvents = (part: PartBench, resource: string) =>
  part.events.flatMap((event) => (event.kind === "stop" && event.resource === resource ? [event] : []));
/** A refused or aborted call's rejection is the caller's to see, later. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

test("policy stop: the session's end stops it, and the stop is acknowledged", () =>
  withPart([motor("left")], async (part) => {
    const client = part.client("A");
    const call = client.call("motor/left", "SetPower", { powerPct: 0.5 });
    await part.pass(5);
    await call;
    client.end();
    await part.pass(5);
    assert.deepEqual(part.commands(), ["left set_rpm", "left stop"]);
    assert.equal(stopEvents(part, "left")[0]?.outcome, "stopped");
    assert.equal(part.runner.guard.settledDown(), true);
  }));

test("policy ramp: the speed comes down evenly over the duration, and a stop ends it", () =>
  withPart([motor("left", { policy: "ramp", ramp: { duration: "400ms" } }, { max_rpm: 100 })], async (part) => {
    const client = part.client("A");
    const call = client.call("motor/left", "SetRPM", { rpm: -80 });
    await part.pass(5);
    await call;
    const seen = part.hardware().length;
    client.end();
    await part.pass(200);
    const half = part.hardware(seen).at(-1)!;
    assert.ok(Math.abs(Number(half.args.rpm) + 40) < 8, `at half time it turns at half speed, not ${half.args.rpm}`);
    await part.pass(250);
    const lines = part.hardware(seen);
    const speeds = lines.filter(({ command }) => command === "set_rpm").map(({ args }) => -Number(args.rpm));
    assert.ok(speeds.length >= 10, `${speeds.length} steps`);
    assert.deepEqual(
      speeds,
      [...speeds].sort((a, b) => b - a),
      "it never speeds up again",
    );
    assert.equal(lines.at(-1)?.command, "stop");
    const stop = stopEvents(part, "left")[0]!;
    assert.equal(stop.outcome, "stopped", "its duration is no lateness");
    assert.equal(stop.attempts, 1);
  }));

test("policy ramp: its duration shifts timeout and escalation, and a stop of everything does not wait for it", () =>
  withPart(
    [motor("left", { policy: "ramp", stop_timeout: "50ms", ramp: { duration: "600ms" }, escalate: { after: "60ms" } })],
    async (part) => {
      const client = part.client("A");
      await Promise.all([client.call("motor/left", "SetRPM", { rpm: 80 }), part.pass(5)]);
      client.end();
      await part.pass(300);
      assert.deepEqual(part.steps, []);
      const seen = part.hardware().length;
      part.runner.run((guard, now) => guard.stopAll("stop_all", now));
      await part.pass(5);
      assert.deepEqual(part.commands(seen), ["left stop"], "at once");
      await part.pass(700);
      assert.deepEqual(part.commands(seen), ["left stop"], "the ramp that was under way does nothing more");
      assert.deepEqual(part.steps, []);
    },
  ));

test("policy ramp of a base: its wheels, which are stopped with it, come down with it", () =>
  withPart(
    [
      motor("l"),
      motor("r"),
      {
        name: "base",
        api: "base",
        attributes: { left: "l", right: "r" },
        safety: { policy: "ramp", ramp: { duration: "300ms" } },
      },
    ],
    async (part) => {
      const client = part.client("A");
      const call = client.call("base/base", "SetPower", {
        linear: { x: 0, y: 1, z: 0 },
        angular: { x: 0, y: 0, z: 0 },
      });
      await Promise.all([call, part.pass(5)]);
      const seen = part.hardware().length;
      client.end();
      await part.pass(150);
      const half = part.hardware(seen);
      assert.ok(!half.some(({ command }) => command === "stop"), "nothing cuts the ramp short");
      for (const device of ["l", "r"]) {
        const { args } = half.filter((line) => line.device === device).at(-1)!;
        assert.ok(Math.abs(Number(args.rpm) - 50) < 12, `${device} turns at ${args.rpm} of 100 rpm at half time`);
      }
      await part.pass(200);
      assert.deepEqual(
        new Set(part.commands(seen).filter((line) => line.endsWith("stop"))),
        new Set(["l stop", "r stop", "base stop"]),
      );
      assert.equal(part.runner.guard.settledDown(), true);
    },
  ));

test("policy ramp of a base that was cut short by StopAll: the end of its time stops nobody who moves it by then", () =>
  withPart(
    [
      motor("l"),
      motor("r"),
      {
        name: "base",
        api: "base",
        attributes: { left: "l", right: "r" },
        safety: { policy: "ramp", ramp: { duration: "300ms" } },
      },
    ],
    async (part) => {
      const drive = (session: string) =>
        Promise.all([
          part.client(session).call("base/base", "SetPower", { linear: { x: 0, y: 1, z: 0 }, angular: {} }),
          part.pass(5),
        ]);
      await drive("A");
      part.runner.run((guard, now) => guard.sessionEnded("A", now));
      await part.pass(100);
      part.runner.run((guard, now) => guard.stopAll("stop_all", now));
      await part.pass(50);
      await drive("B");
      const seen = part.hardware().length;
      await part.pass(1000);
      assert.deepEqual(part.commands(seen), []);
    },
  ));

test("policy hold: it is held where it is, and released after its time unless it was commanded anew", () =>
  withPart(
    [
      {
        name: "arm",
        api: "arm",
        safety: { policy: "hold", hold: { release_after: "500ms" } },
        attributes: { joints: 1 },
      },
    ],
    async (part) => {
      const move = { positions: { values: [90] } };
      const first = part.client("A");
      later(first.call("arm/arm", "MoveToJointPositions", move));
      await part.pass(200);
      let seen = part.hardware().length;
      first.end();
      await part.pass(490);
      assert.deepEqual(new Set(part.commands(seen)), new Set(["arm hold"]));
      await part.pass(20);
      assert.equal(part.commands(seen).at(-1), "arm stop");

      const second = part.client("B");
      later(second.call("arm/arm", "MoveToJointPositions", move));
      await part.pass(50);
      second.end();
      await part.pass(100);
      const third = part.client("C");
      later(third.call("arm/arm", "MoveToJointPositions", move));
      await part.pass(10);
      seen = part.hardware().length;
      await part.pass(900);
      assert.ok(!part.commands(seen).includes("arm stop"), "the hold that is over releases nothing");
    },
  ));

test("policy hold: nothing moves while a hold is being released, and a release that fails is tried again", () =>
  withPart(
    [
      {
        name: "servo",
        api: "servo",
        safety: { policy: "hold", stop_timeout: "100ms", hold: { release_after: "200ms" } },
        attributes: { stop_delay_ms: 60 },
      },
    ],
    async (part) => {
      const client = part.client("A");
      later(client.call("servo/servo", "Move", { angleDeg: 180 }));
      await part.pass(100);
      client.end();
      await part.pass(100);
      const seen = part.hardware().length;
      await part.pass(200);
      assert.deepEqual(part.commands(seen), ["servo stop_begun"]);
      const refused = part.client("B").call("servo/servo", "Move", { angleDeg: 10 });
      await Promise.all([assert.rejects(refused, /not acknowledged yet/), part.pass(5)]);
      await part.pass(95);
      assert.deepEqual(part.commands(seen), ["servo stop_begun", "servo stop"]);
      const served = later(part.client("C").call("servo/servo", "Move", { angleDeg: 10 }));
      await part.pass(1000);
      await served;
    },
  ));

test("policy hold: an attempt that fails is followed by a plain stop", () =>
  withPart(
    [{ name: "servo", api: "servo", safety: { policy: "hold" }, attributes: { stop_fails: 1 } }],
    async (part) => {
      const client = part.client("A");
      later(client.call("servo/servo", "Move", { angleDeg: 180 }));
      await part.pass(100);
      const seen = part.hardware().length;
      client.end();
      await part.pass(150);
      assert.deepEqual(part.commands(seen), ["servo stop_failed", "servo stop"]);
      assert.equal(stopEvents(part, "servo").at(-1)?.outcome, "retried");
    },
  ));

test("policy do_command: the command is given, and again until IsMoving is false", () =>
  withPart([motor("left", { policy: "do_command", do_command: { command: { set_power: 0 } } })], async (part) => {
    const client = part.client("A");
    await Promise.all([client.call("motor/left", "SetPower", { powerPct: 1 }), part.pass(5)]);
    const seen = part.hardware();
    client.end();
    await part.pass(20);
    const lines = part.hardware(seen.length);
    assert.deepEqual(
      lines.map(({ command, args }) => [command, args.rpm]),
      [["set_rpm", 0]],
    );
    assert.equal(stopEvents(part, "left").at(-1)?.outcome, "stopped");
  }));

test("policy do_command: one that does not stop it is no stop, and Stop itself comes next", () =>
  withPart(
    [
      motor("left", {
        policy: "do_command",
        stop_timeout: "50ms",
        do_command: { command: { set_power: 0.1 } },
        escalate: { after: "5s" },
      }),
    ],
    async (part) => {
      const client = part.client("A");
      await Promise.all([client.call("motor/left", "SetPower", { powerPct: 1 }), part.pass(5)]);
      client.end();
      await part.pass(300);
      assert.equal(part.commands().at(-1), "left stop");
      assert.equal(stopEvents(part, "left").at(-1)?.outcome, "retried");
    },
  ));

test("policy do_command protects what has no Stop: its calls need a lease, and its user's end runs the command", () =>
  withPart(
    [{ name: "laser", api: "generic", safety: { policy: "do_command", do_command: { command: { off: true } } } }],
    async (part) => {
      const client = part.client("A");
      await Promise.all([client.call("generic/laser", "DoCommand", { command: { on: true } }), part.pass(5)]);
      client.end();
      await part.pass(5);
      const [stop] = stopEvents(part, "laser");
      assert.equal(stop?.outcome, "stopped");
      assert.equal(stop?.session, "A");
      await assert.rejects(client.call("generic/laser", "DoCommand", { command: { on: true } }), /SESSION_EXPIRED/);
    },
  ));

test("policy none: a stop of everything leaves it alone", () =>
  withPart([motor("left", { policy: "none" })], async (part) => {
    const client = part.client("A");
    await Promise.all([client.call("motor/left", "SetPower", { powerPct: 1 }), part.pass(5)]);
    client.end();
    part.runner.run((guard, now) => guard.stopAll("stop_all", now));
    await part.pass(50);
    assert.deepEqual(part.commands(), ["left set_rpm"]);
  }));
