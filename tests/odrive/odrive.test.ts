import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { VigilError } from "@vigil/shared";
import { type OdriveSimulator, startOdriveSimulator } from "../rig/odrive/odrive-simulator.js";
import { until } from "../rig/until.js";
import { createMotorBench, createTestLease, type MotorBench, type TestLease } from "./motor-bench.js";

interface Rig {
  readonly drive: OdriveSimulator;
  readonly bench: MotorBench;
  readonly lease: TestLease;
  call(method: string, request?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** What the axis does now. */
  axis(): Promise<{ vel: number; pos: number; state: number; error: number; moving: boolean }>;
}

const hasPython = spawnSync("python3", ["--version"]).status === 0;
const SETTLED = 0.05;
const near = (actual: unknown, expected: number, within: number) =>
  assert.ok(Math.abs(Number(actual) - expected) <= within, `${actual} is not near ${expected}`);

/** One motor "m" on axis 0, fed as long as its lease lasts. */
function odriveTest(
  what: string,
  attributes: Record<string, unknown>,
  run: (rig: Rig, t: TestContext) => Promise<void>,
) {
  test(what, async (t) => {
    if (!hasPython) return t.skip("NEEDS python3 for the simulated drive: install it");
    const drive = await startOdriveSimulator();
    t.after(() => drive.stop());
    const bench = await createMotorBench({ m: { serial_path: drive.path, max_rpm: 600, ...attributes } });
    t.after(() => bench.close());
    assert.deepEqual(bench.failures, []);
    const lease = createTestLease();
    t.after(() => lease.end());
    const call: Rig["call"] = (method, request) => bench.call("m", method, request, lease.act);
    await run({ drive, bench, lease, call, axis: async () => (await drive.state())[0]! }, t);
  });
}

const driverError = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof VigilError, String(error));
  assert.equal(error.reason, "driver", error.message);
  assert.match(error.message, message);
  assert.match(error.message, /^[\x20-\x7e]*$/);
  return true;
};

odriveTest(
  "the drive is stopped and its watchdog armed before anything else",
  {},
  async ({ drive, bench, call, axis }) => {
    await call("GetPosition");
    bench.motor("m").feed!(1000);
    await call("GetPosition");
    const first = drive.lines();
    assert.equal(first.indexOf("v 0 0") < first.indexOf("w axis0.config.enable_watchdog 1"), true);
    assert.ok(first.includes("w axis0.config.watchdog_timeout 0.5"));
    assert.equal(first.filter((line) => line === "u 0").length, 1, "what was never moved is not fed");
    assert.equal((await axis()).state, 1, "it stays idle until something is to move");
  },
);

odriveTest("SetRPM turns until Stop, which waits for standstill", {}, async ({ bench, lease, drive, call, axis }) => {
  lease.keepFeeding(bench.motor("m"));
  await call("SetRPM", { rpm: 120 });
  await until("2 turns a second", async () => Math.abs((await axis()).vel - 2) < SETTLED);
  assert.equal((await call("IsMoving")).isMoving, true);
  const powered = await call("IsPowered");
  assert.equal(powered.isOn, true);
  near(powered.powerPct, 0.2, 0.01);
  await call("SetRPM", { rpm: -60 });
  await until("1 turn a second backwards", async () => Math.abs((await axis()).vel + 1) < SETTLED);
  await call("Stop");
  assert.equal((await axis()).vel < SETTLED, true);
  assert.equal((await call("IsMoving")).isMoving, false);
  assert.equal(drive.log().filter(({ command }) => command === "watchdog").length <= 1, true);
});

odriveTest("SetPower is a fraction of max_rpm", {}, async ({ bench, lease, call, axis }) => {
  lease.keepFeeding(bench.motor("m"));
  await call("SetPower", { powerPct: -0.25 });
  await until("2.5 turns a second", async () => Math.abs((await axis()).vel + 2.5) < SETTLED);
});

odriveTest("GoFor and GoTo arrive, fed by themselves", { watchdog: "400ms" }, async ({ call, axis }) => {
  await call("GoFor", { rpm: 300, revolutions: 2 });
  near((await call("GetPosition")).position, 2, 0.03);
  await call("GoFor", { rpm: -300, revolutions: 1.5 });
  near((await call("GetPosition")).position, 0.5, 0.03);
  await call("ResetZeroPosition", { offset: 0.25 });
  near((await call("GetPosition")).position, -0.25, 0.03);
  await call("GoTo", { rpm: -300, positionRevolutions: 1 });
  near((await axis()).pos, 1.75, 0.03);
});

odriveTest(
  "a trajectory begins where the axis is, and a velocity ends it",
  {},
  async ({ bench, lease, call, axis }) => {
    lease.keepFeeding(bench.motor("m"));
    await call("SetRPM", { rpm: 300 });
    await until("some turns", async () => (await axis()).pos > 2);
    const from = (await axis()).pos;
    const going = call("GoFor", { rpm: 60, revolutions: 5 });
    const replaced = assert.rejects(going, /another command/);
    await until("the trajectory", async () => Math.abs((await axis()).vel - 1) < SETTLED);
    assert.ok((await axis()).pos < from + 4, "no jump to an older setpoint");
    await call("SetRPM", { rpm: -120 });
    await replaced;
    await until("the velocity", async () => Math.abs((await axis()).vel + 2) < SETTLED);
  },
);

odriveTest("an endless motion that nobody feeds is ended by the drive", {}, async (rig) => {
  const { drive, bench, lease, call, axis } = rig;
  lease.keepFeeding(bench.motor("m"));
  await call("SetRPM", { rpm: 120 });
  const from = (await axis()).pos;
  // Six times the watchdog: it lives by being fed.
  await until("6 turns", async () => (await axis()).pos > from + 6);
  assert.equal((await axis()).moving, true);
  lease.end();
  const count = drive.log().length;
  const watchdog = await drive.events.came("its watchdog's end", ({ command }) => command === "watchdog", count);
  await drive.events.came("standstill", ({ command }) => command === "still", count);
  const fed = drive.log().findLast(({ t, args }) => t <= watchdog.t && args.line === "u 0");
  assert.ok(fed);
  // The drive's own time, by its own log; how much later it may be is the drive's affair.
  assert.ok(watchdog.t - fed.t > 499, `after ${watchdog.t - fed.t} ms`);
  assert.equal((await axis()).error, 0x800);
  assert.match(JSON.stringify((await call("GetStatus")).result), /WATCHDOG_TIMER_EXPIRED/);
});

odriveTest("after its watchdog has ended it, the next command moves it again", { watchdog: "150ms" }, async (rig) => {
  const { drive, bench, call, axis } = rig;
  await call("SetRPM", { rpm: 120 });
  await drive.events.came("its watchdog's end", ({ command }) => command === "watchdog");
  await until("standstill", async () => !(await axis()).moving);
  const next = createTestLease();
  next.keepFeeding(bench.motor("m"));
  await bench.call("m", "SetRPM", { rpm: 60 }, next.act);
  await until("1 turn a second", async () => Math.abs((await axis()).vel - 1) < SETTLED);
  next.end();
});

odriveTest("a call that may not act any more writes nothing", {}, async ({ drive, bench, lease, call, axis }) => {
  const going = call("GoFor", { rpm: 60, revolutions: 50 });
  const fenced = assert.rejects(going, (error: VigilError) => error.reason === "fenced");
  await until("motion", async () => (await axis()).moving);
  lease.end();
  await fenced;
  const writes = () => drive.lines().filter((line) => !/^[rfi]( |$)/.test(line));
  const before = writes().length;
  await assert.rejects(call("SetRPM", { rpm: 5 }), (error: VigilError) => error.reason === "fenced");
  bench.motor("m").feed!(0);
  await call("GetPosition");
  assert.equal(writes().length, before);
  await bench.call("m", "Stop");
  assert.equal((await axis()).moving, false);
});

odriveTest("an aborted motion is left to the guard's stop", {}, async ({ lease, drive, call, bench, axis }) => {
  const going = assert.rejects(call("GoFor", { rpm: 60, revolutions: 50 }), /aborted the call/);
  await until("motion", async () => (await axis()).moving);
  const stops = () => drive.log().filter(({ command }) => command === "stop").length;
  const before = stops();
  lease.abort();
  await going;
  assert.equal(stops(), before);
  await bench.call("m", "Stop");
  assert.ok(stops() > before);
});

odriveTest("a ramp commands fractions of the present speed", {}, async ({ bench, lease, call, axis }) => {
  lease.keepFeeding(bench.motor("m"));
  await call("SetRPM", { rpm: -240 });
  const ramp = bench.motor("m").beginRamp!(lease.act);
  await ramp(0.5);
  await until("half the speed", async () => Math.abs((await axis()).vel + 2) < SETTLED);
  const going = assert.rejects(call("GoFor", { rpm: 60, revolutions: 50 }), /another command/);
  await until("the trajectory", async () => Math.abs((await axis()).vel - 1) < SETTLED);
  const other = bench.motor("m").beginRamp!(lease.act);
  await going;
  await other(0.5);
  await until("half of that speed", async () => Math.abs((await axis()).vel - 0.5) < SETTLED);
  lease.end();
  await assert.rejects(other(0.25), /right to act/);
});

odriveTest("errors of the drive are told, and cleared on demand", {}, async ({ bench, lease, drive, call, axis }) => {
  lease.keepFeeding(bench.motor("m"));
  await call("SetRPM", { rpm: 60 });
  await until("motion", async () => (await axis()).moving);
  await drive.order("fault 0 motor 0x8");
  await until("idle", async () => (await axis()).state === 1);
  const told = driverError(/"m" does not move: axis MOTOR_FAILED.*0x40.*motor DRV_FAULT \(0x8\).*clear_errors/);
  await assert.rejects(call("SetRPM", { rpm: 60 }), told);
  await assert.rejects(call("GoFor", { rpm: 60, revolutions: 1 }), told);
  assert.match(JSON.stringify((await call("GetStatus")).result), /DRV_FAULT/);
  const { result } = await call("DoCommand", { command: { clear_errors: true } });
  assert.deepEqual(result, { errors: "" });
  await call("SetRPM", { rpm: 60 });
  await until("motion again", async () => (await axis()).moving);
});

odriveTest("a fault during a motion ends its call with what the drive says", {}, async ({ drive, call, axis }) => {
  const going = call("GoFor", { rpm: 60, revolutions: 50 });
  const told = assert.rejects(going, driverError(/ended the motion by itself: axis ENCODER_FAILED .*ABS_SPI_COM_FAIL/));
  await until("motion", async () => (await axis()).moving);
  await drive.order("fault 0 encoder 0x80");
  await told;
});

odriveTest("an axis that is not calibrated says so", {}, async ({ drive, call }) => {
  await drive.order("uncalibrate 0");
  await assert.rejects(call("SetRPM", { rpm: 60 }), driverError(/closed loop control .*calibrated.*INVALID_STATE/));
});

odriveTest("bad values are refused with what would be right", {}, async ({ call, axis }) => {
  const bad: [string, Record<string, unknown>, RegExp][] = [
    ["SetPower", { powerPct: 1.5 }, /from -1 to 1/],
    ["SetRPM", { rpm: 601 }, /from -600 to 600 rpm/],
    ["GoFor", { rpm: 0, revolutions: 1 }, /is 0/],
    ["GoFor", { rpm: 10, revolutions: 0 }, /is 0/],
    ["DoCommand", { command: { dance: 1 } }, /clear_errors/],
  ];
  for (const [method, request, message] of bad) {
    await assert.rejects(call(method, request), (error: VigilError) => {
      assert.equal(error.reason, "bad_request");
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal((await axis()).moving, false);
});

odriveTest(
  "unplugged while it moves: its watchdog stops it; plugged in again: stopped before commands",
  {},
  async (rig) => {
    const { drive, bench, lease, call, axis } = rig;
    lease.keepFeeding(bench.motor("m"));
    await call("SetRPM", { rpm: 120 });
    await until("motion", async () => (await axis()).moving);
    const count = drive.log().length;
    await drive.unplug();
    for (const method of ["SetRPM", "Stop", "IsMoving", "GetPosition"]) {
      await assert.rejects(call(method, { rpm: 60 }), driverError(/serial port|closed/));
    }
    await drive.events.came("its watchdog's end", ({ command }) => command === "watchdog", count);
    await drive.events.came("standstill", ({ command }) => command === "still", count);
    const plugged = drive.log().length;
    await drive.plug();
    await until("the next command passes", () =>
      call("SetRPM", { rpm: 60 }).then(
        () => true,
        () => false,
      ),
    );
    await until("motion", async () => (await axis()).moving);
    const events = drive.log().slice(plugged);
    const stopped = events.findIndex(({ command }) => command === "stop");
    const moved = events.findIndex(({ args }) => args.line === "v 0 1");
    assert.ok(stopped >= 0 && stopped < moved, JSON.stringify(events));
  },
);

odriveTest(
  "replugged at once, a motion does not go on",
  { watchdog: "5s" },
  async ({ drive, bench, lease, call, axis }) => {
    lease.keepFeeding(bench.motor("m"));
    await call("SetRPM", { rpm: 120 });
    await until("motion", async () => (await axis()).moving);
    await drive.unplug();
    await drive.plug();
    await until("standstill", async () => !(await axis()).moving);
    assert.equal(
      drive.log().some(({ command }) => command === "watchdog"),
      false,
      "it was the driver that stopped it",
    );
    await call("GetPosition");
    const going = assert.rejects(call("GoFor", { rpm: 60, revolutions: 50 }), driverError(/closed|cannot be/));
    await until("motion", async () => (await axis()).moving);
    await drive.unplug();
    await drive.plug();
    await going;
    await until("standstill", async () => !(await axis()).moving);
  },
);

odriveTest("a stop passes a full queue of questions", { watchdog: "10s" }, async ({ drive, call, axis }) => {
  await call("SetRPM", { rpm: 120 });
  await until("motion", async () => (await axis()).moving);
  await drive.order("mute 1");
  const reads = Array.from({ length: 200 }, () =>
    call("GetPosition").then(
      () => "ok",
      (error: VigilError) => error.reason,
    ),
  );
  const before = drive.log().length;
  const stopping = call("Stop");
  await drive.events.came("the stop", ({ command }) => command === "stop", before);
  const position = drive
    .log()
    .slice(before)
    .findIndex(({ command }) => command === "stop");
  const asked = drive
    .log()
    .slice(before, before + position)
    .filter(({ args }) => args.line === "f 0").length;
  assert.ok(asked <= 1, `${asked} questions went before the stop`);
  await stopping;
  assert.equal((await axis()).moving, false);
  const outcomes = await Promise.all(reads);
  assert.ok(outcomes.includes("limit"), "the queue is bounded");
  assert.ok(outcomes.includes("ok"));
});

odriveTest("garbage and lost replies do no harm", {}, async ({ drive, bench, lease, call, axis }) => {
  lease.keepFeeding(bench.motor("m"));
  await drive.order("noise on");
  await call("GoFor", { rpm: 300, revolutions: 1 });
  near((await call("GetPosition")).position, 1, 0.03);
  await drive.order("garbage");
  await drive.order("mute 1");
  near((await call("GetPosition")).position, 1, 0.03);
  await call("SetRPM", { rpm: 60 });
  await until("1 turn a second", async () => Math.abs((await axis()).vel - 1) < SETTLED);
  await call("Stop");
});

odriveTest("a command that is lost on its way is repeated, a stop too", {}, async (rig) => {
  const { drive, bench, lease, call, axis } = rig;
  lease.keepFeeding(bench.motor("m"));
  await call("SetRPM", { rpm: 60 });
  await drive.order("lose 2");
  await call("SetRPM", { rpm: 120 });
  await until("2 turns a second", async () => Math.abs((await axis()).vel - 2) < SETTLED);
  await drive.order("lose 3");
  await call("Stop");
  assert.equal((await axis()).moving, false);
  await drive.order("lose 10");
  await assert.rejects(call("SetRPM", { rpm: 60 }), driverError(/does not take its velocity/));
});

odriveTest("a drive that goes dumb is lost, and stopped when it answers again", { watchdog: "10s" }, async (rig) => {
  const { drive, call, axis } = rig;
  await call("SetRPM", { rpm: 60 });
  await until("motion", async () => (await axis()).moving);
  await drive.order("mute -1");
  await assert.rejects(call("GetPosition"), driverError(/answer/));
  await until("the wire is given up", () =>
    call("GetPosition").then(
      () => false,
      (error: VigilError) => /does not answer/.test(error.message),
    ),
  );
  await until("the new wire's stop", async () => !(await axis()).moving);
  await drive.order("mute 0");
  await until("it answers again", () =>
    call("GetPosition").then(
      () => true,
      () => false,
    ),
  );
});

odriveTest("a drive that takes no bytes gets no command later", { watchdog: "10s" }, async (rig) => {
  const { drive, bench, call, axis } = rig;
  await call("SetRPM", { rpm: 60 });
  await until("motion", async () => (await axis()).moving);
  await drive.order("freeze on");
  const motor = bench.motor("m");
  // More than any pseudo-terminal takes.
  for (let count = 0; count < 50_000; count += 1) motor.feed!(1000);
  await assert.rejects(call("SetRPM", { rpm: 120 }), driverError(/./));
  await assert.rejects(call("Stop"), driverError(/takes no more bytes|cannot be written|does not answer|no answer/));
  await drive.order("freeze off");
  await until("a stop passes", () =>
    call("Stop").then(
      () => true,
      () => false,
    ),
  );
  assert.equal((await axis()).moving, false);
  assert.ok(!drive.lines().includes("v 0 2"));
  const whole = /^(999|[vufi]( |$)|[rw] (axis0\.[a-z_.]+|vbus_voltage)( -?[\d.]+)?$)/;
  assert.deepEqual(
    drive.lines().filter((line) => !whole.test(line)),
    [],
    "no torn line is obeyed",
  );
});

odriveTest(
  "a drive that lost its settings gets its watchdog before it moves",
  {},
  async ({ drive, bench, lease, call, axis }) => {
    await call("GetPosition");
    await drive.order("reboot");
    lease.keepFeeding(bench.motor("m"));
    await call("SetRPM", { rpm: 60 });
    await until("motion", async () => (await axis()).moving);
    assert.equal((await drive.state())[0]!.watchdog, 0.5);
  },
);

odriveTest("the emergency stop needs nobody's answer", { watchdog: "10s" }, async ({ drive, bench, call, axis }) => {
  await call("SetRPM", { rpm: 120 });
  await until("motion", async () => (await axis()).moving);
  const [write, ...more] = bench.motor("m").emergencyStop!();
  assert.deepEqual(more, []);
  assert.equal(write!.path, drive.path);
  assert.equal(write!.baudRate, 115_200);
  const bytes = Buffer.from(write!.hex, "hex");
  assert.match(bytes.toString(), /v 0 0\nw axis0\.requested_state 1\n$/);
  // In the middle of a line of the frozen agent.
  writeFileSync(drive.path, "v 0 3.");
  writeFileSync(drive.path, bytes);
  await until("standstill", async () => !(await axis()).moving);
  assert.equal((await axis()).state, 1);
  assert.ok(!drive.lines().includes("v 0 3."));
});

test("two axes share a port; each has its own motion, watchdog and stop", async (t) => {
  if (!hasPython) return t.skip("NEEDS python3 for the simulated drive: install it");
  const drive = await startOdriveSimulator();
  t.after(() => drive.stop());
  const common = { serial_path: drive.path, max_rpm: 600 };
  const bench = await createMotorBench({ left: { ...common, axis: 0 }, right: { ...common, axis: 1 } });
  t.after(() => bench.close());
  const leases = { left: createTestLease(), right: createTestLease() };
  t.after(() => {
    for (const lease of Object.values(leases)) lease.end();
  });
  for (const name of ["left", "right"] as const) leases[name].keepFeeding(bench.motor(name));
  await Promise.all([
    bench.call("left", "SetRPM", { rpm: 60 }, leases.left.act),
    bench.call("right", "SetRPM", { rpm: -120 }, leases.right.act),
  ]);
  await until("both turn", async () => {
    const [left, right] = await drive.state();
    return Math.abs(left!.vel - 1) < SETTLED && Math.abs(right!.vel + 2) < SETTLED;
  });
  await bench.call("left", "Stop");
  assert.deepEqual(
    (await drive.state()).map(({ moving }) => moving),
    [false, true],
  );
  leases.right.end();
  await until("the right one's watchdog ends it", async () => !(await drive.state())[1]!.moving);
});

test("attributes are checked", async () => {
  const bench = await createMotorBench({
    a: {},
    b: { serial_path: "/dev/null", axis: 2 },
    c: { serial_path: "/dev/null", watchdog: "soon" },
    d: { serial_path: "/dev/null", watchdog: "10ms" },
    e: { serial_path: "/dev/null", watch_dog: "500ms" },
    f: { serial_path: "/dev/null", serial_baud_rate: 1.5 },
    g: { serial_path: "/dev/null", max_rpm: 0 },
  });
  const wanted = [
    /serial_path/,
    /axis.*from 0 to 1/,
    /watchdog.*no duration/,
    /watchdog.*150ms/,
    /no attribute "watch_dog"/,
    /serial_baud_rate/,
    /max_rpm/,
  ];
  assert.equal(bench.failures.length, wanted.length, bench.failures.join("\n"));
  for (const [index, pattern] of wanted.entries()) assert.match(bench.failures[index]!, pattern);
  await bench.close();
});

test("a port that is not there fails calls at once, and no other", async (t) => {
  const bench = await createMotorBench({ m: { serial_path: "/dev/ttyNoSuchDrive" } });
  t.after(() => bench.close());
  await assert.rejects(bench.call("m", "SetRPM", { rpm: 1 }), driverError(/ttyNoSuchDrive cannot be opened/));
  await assert.rejects(bench.call("m", "Stop"), driverError(/cannot be opened/));
});
