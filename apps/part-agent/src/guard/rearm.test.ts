import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Resource } from "@vigil/drivers";
import type { RearmReason } from "@vigil/safety";
import type { GpioLine } from "@vigil/shared";
import { createPartBench, type PartBench } from "../testing/part-bench.js";

type Json = Readonly<Record<string, unknown>>;

const motor = (name: string, safety: Json, attributes: Json = {}) => ({ name, api: "motor", safety, attributes });
const gpio = (line: number) => ({ gpio: { chip: "/dev/gpiochip0", line } });
const end = (part: PartBench, session: string) => part.runner.run((guard, now) => guard.sessionEnded(session, now));

async function move(part: PartBench, session: string, resource: string): Promise<void> {
  const call = part.client(session).call(`motor/${resource}`, "SetPower", { powerPct: 1 });
  call.catch(() => undefined);
  await part.pass(5);
  await call;
}

/** A part whose memory and lines write down what is asked of them. */
async function withMemory(
  components: readonly Json[],
  use: (bench: { part: PartBench; log: string[]; disk: { done(): void } }) => Promise<void>,
  recalled: ReadonlyMap<string, RearmReason> = new Map(),
  prepare?: (resource: Resource) => void,
): Promise<void> {
  const log: string[] = [];
  let pending: (() => void)[] = [];
  const set = (what: string) => (line: GpioLine) => void log.push(`${what} ${line.line}`);
  const part = await createPartBench(components, prepare, {
    memory: {
      recalled,
      remember: (keys, reason) => {
        log.push(`remember ${keys.join()} ${reason}`);
        return new Promise((resolve) => pending.push(resolve));
      },
      forget: (keys) => void log.push(`forget ${keys.join()}`),
    },
    lines: { cut: set("cut"), restore: set("restore") },
  });
  const disk = {
    done() {
      for (const resolve of pending) resolve();
      pending = [];
    },
  };
  try {
    await use({ part, log, disk });
  } finally {
    disk.done();
    await part.close();
  }
}

test("a lost session's stop counts once it is on the disk that the arm waits; it is commanded before", () =>
  withMemory([motor("left", { rearm: "manual" }), motor("right", {})], async ({ part, log, disk }) => {
    await move(part, "A", "left");
    await move(part, "A", "right");
    const seen = part.hardware().length;
    end(part, "A");
    assert.deepEqual(part.commands(seen), ["left stop", "right stop"], "in the same turn");
    await part.pass(20);
    assert.deepEqual(log, ["remember left loss"]);
    const [left, right] = part.runner.guard.groups();
    assert.deepEqual([left?.stopping, right?.stopping], [true, false]);
    disk.done();
    await part.pass(1);
    assert.equal(part.runner.guard.settledDown(), true);
    assert.equal(part.runner.rearm("left"), true);
    assert.deepEqual(log.at(-1), "forget left");
    await move(part, "B", "left");
  }));

test("what waited before this start waits after it, whatever its rearm says now", () =>
  withMemory(
    [motor("left", {}), motor("right", {})],
    async ({ part, log, disk }) => {
      await assert.rejects(move(part, "A", "left"), /e-stop line of left was cut/);
      await move(part, "A", "right");
      part.runner.run((guard, now) => guard.stopAll("startup", now));
      disk.done();
      await part.pass(10);
      disk.done();
      assert.ok(log.includes("remember left e_stop"));
      assert.equal(part.runner.rearm("left"), true);
      await part.pass(10);
      await move(part, "A", "left");
    },
    new Map([["left", "e_stop"]]),
  ));

test("an output line is the e-stop: it is cut after the rest, and a re-arm makes it active unless something else waits", () =>
  withMemory(
    ["left", "right"].map((name) =>
      motor(
        name,
        { stop_timeout: "50ms", escalate: { after: "100ms", e_stop: [gpio(17), gpio(name === "left" ? 1 : 2)] } },
        { stop_hangs: true, log_path: null },
      ),
    ),
    async ({ part, log, disk }) => {
      await move(part, "A", "left");
      await move(part, "B", "right");
      end(part, "A");
      await part.pass(99);
      assert.equal(log.length, 0);
      await part.pass(2);
      await turn();
      assert.deepEqual(log.splice(0), ["remember left e_stop", "cut 17", "cut 1"]);
      disk.done();
      await part.pass(1);
      assert.deepEqual(part.steps, [{ resource: "left", step: "e_stop", ok: true }]);
      end(part, "B");
      await part.pass(110);
      disk.done();
      await part.pass(1);
      const cuts = log.filter((line) => line.startsWith("cut"));
      assert.deepEqual(cuts, ["cut 17", "cut 2"]);
      log.splice(0);
      assert.equal(part.runner.rearm("left"), true);
      assert.deepEqual(log.splice(0), ["restore 1", "forget left"], "right still waits, and shares line 17");
      assert.equal(part.runner.rearm("right"), true);
      assert.deepEqual(log, ["restore 17", "restore 2", "forget right"]);
    },
  ));

test("after the stop at the start lines become active, but for those of what waits for a person", () =>
  withMemory(
    ["left", "right", "lift"].map((name, index) =>
      motor(name, { rearm: "manual", escalate: { e_stop: [gpio(17 + (index >> 1)), gpio(index)] } }),
    ),
    async ({ part, log }) => {
      part.runner.activateLines();
      assert.deepEqual(log, ["restore 1", "restore 18", "restore 2"], "left was cut, and shares line 17 with right");
    },
    new Map<string, RearmReason>([
      ["left", "e_stop"],
      ["lift", "restart"],
    ]),
  ));

test("an output line in the emergency stop is a line that was cut: only a person lets it move again", () =>
  withMemory(
    [
      motor(
        "left",
        { stop_timeout: "50ms", escalate: { after: "100ms", emergency_stop: [gpio(4)] } },
        { stop_fails: 4, log_path: null },
      ),
    ],
    async ({ part, log, disk }) => {
      await move(part, "A", "left");
      end(part, "A");
      await part.pass(101);
      await turn();
      assert.deepEqual(log.slice(0, 2), ["remember left e_stop", "cut 4"]);
      disk.done();
      for (let waited = 0; waited < 5000; waited += 100) {
        await part.pass(100);
        disk.done();
      }
      assert.equal(part.runner.guard.settledDown(), true);
      await assert.rejects(move(part, "B", "left"), /e-stop line of left was cut/);
      part.runner.rearm("left");
      await move(part, "B", "left");
    },
  ));

test("a hold that cannot be released escalates like any stop", () =>
  withMemory(
    [
      {
        name: "servo",
        api: "servo",
        safety: {
          policy: "hold",
          stop_timeout: "50ms",
          hold: { release_after: "200ms" },
          escalate: { after: "300ms", e_stop: [gpio(9)] },
        },
        attributes: { log_path: null },
      },
    ],
    async ({ part, log }) => {
      const call = part.client("A").call("servo/servo", "Move", { angleDeg: 180 });
      call.catch(() => undefined);
      await part.pass(50);
      end(part, "A");
      await part.pass(249);
      assert.equal(log.length, 0);
      await part.pass(400);
      await turn();
      assert.ok(log.includes("cut 9"), log.join());
      const told = part.events.flatMap((event) => (event.kind === "stop" ? [`${event.cause} ${event.outcome}`] : []));
      assert.deepEqual(told, ["ended stopped", "released escalated"]);
    },
    new Map(),
    // It holds well, and never stops.
    (resource) => {
      resource.stop = () => new Promise(() => undefined);
    },
  ));
