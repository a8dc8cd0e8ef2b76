import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadComponents } from "../load-components.js";
import { createResourceSet } from "../resource-set.js";
import { config, createBench, createTestAct, refusal } from "../testing/bench.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import type { DeviceLogLine } from "./device-log.js";

const M = "motor/m";

function logFile(t: TestContext): { path: string; read(): DeviceLogLine[]; commands(): string[] } {
  const folder = mkdtempSync(join(tmpdir(), "vigil-drivers-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "device.log");
  const read = () =>
    readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as DeviceLogLine);
  return { path, read, commands: () => read().map(({ command }) => command) };
}

test("the device log has each command, with the time at which the device got it", async (t) => {
  const log = logFile(t);
  const bench = await createBench([M, { log_path: log.path }]);
  const startMs = bench.clock.now();
  await bench.call(M, "SetRPM", { rpm: 10 });
  await bench.clock.advance(250);
  await bench.call(M, "Stop");
  assert.deepEqual(log.read(), [
    { t: startMs, device: "m", command: "set_rpm", args: { rpm: 10 } },
    { t: startMs + 250, device: "m", command: "stop", args: {} },
  ]);
  await bench.set.close();
});

test("a long operation gives its command again at every step", async (t) => {
  const log = logFile(t);
  const bench = await createBench([M, { log_path: log.path }]);
  await bench.during(250, bench.call(M, "GoFor", { rpm: 60, revolutions: 0.25 }));
  const { t: first = 0 } = log.read()[0] ?? {};
  const seen = log.read().map((line) => [line.t - first, line.args.rpm]);
  assert.deepEqual(seen, [
    [0, 60],
    [100, 60],
    [200, 60],
    [250, 0],
  ]);
});

test("a log that cannot be written is a bad attribute, and a pipe without reader does not freeze", async (t) => {
  const log = logFile(t);
  const pipe = `${log.path}.pipe`;
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  const components = await loadComponents();
  for (const path of [pipe, join(log.path, "inside")]) {
    const set = createResourceSet({ components, clock: createVirtualClock() }, [config([M, { log_path: path }])]);
    assert.match(set.failures[0]?.error.message ?? "", /"log_path" cannot be opened/);
  }
});

test("stop_delay_ms: the device moves on until the stop is through", async (t) => {
  const log = logFile(t);
  const bench = await createBench([M, { log_path: log.path, stop_delay_ms: 300 }]);
  await bench.call(M, "SetRPM", { rpm: 60 });
  const stopping = bench.call(M, "Stop");
  await bench.clock.advance(299);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, true);
  await bench.during(1, stopping);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
  assert.deepEqual(log.commands(), ["set_rpm", "stop_begun", "stop"]);
});

test("stop_fails: so many stops fail and change nothing, the next works", async (t) => {
  const log = logFile(t);
  const bench = await createBench([M, { log_path: log.path, stop_fails: 2 }]);
  await bench.call(M, "SetRPM", { rpm: 60 });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await assert.rejects(bench.call(M, "Stop"), refusal("driver", /stop of "m" failed/));
    assert.equal((await bench.call(M, "IsMoving")).isMoving, true);
  }
  await bench.call(M, "Stop");
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
  assert.deepEqual(log.commands(), ["set_rpm", "stop_failed", "stop_failed", "stop"]);
});

test("stop_hangs: the stop never settles and the device moves on", async () => {
  const bench = await createBench([M, { stop_hangs: true }]);
  await bench.call(M, "SetRPM", { rpm: 60 });
  let settled = false;
  bench.call(M, "Stop").finally(() => {
    settled = true;
  });
  await bench.clock.advance(60_000);
  assert.equal(settled, false);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, true);
});

test("ignore_abort: the operation tries on to its end, and every try is refused", async (t) => {
  const log = logFile(t);
  const bench = await createBench([M, { log_path: log.path, ignore_abort: true }]);
  const act = createTestAct();
  const going = bench.call(M, "GoFor", { rpm: 60, revolutions: 1 }, act);
  await bench.clock.advance(450);
  act.abort();
  act.fence();
  const before = act.writes();
  await bench.call(M, "Stop");
  await assert.rejects(bench.during(10_000, going), refusal("fenced", /./));
  assert.equal(act.writes(), before);
  const afterStop = log.commands().slice(log.commands().indexOf("stop") + 1);
  assert.ok(afterStop.length >= 5, `${afterStop.length} tries`);
  assert.deepEqual([...new Set(afterStop)], ["refused"]);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
});

test("bus_delay_ms: a command acts after its write, even if a stop overtook it, and its call settles then", async () => {
  const bench = await createBench([M, { bus_delay_ms: 200 }]);
  const act = createTestAct();
  const going = bench.call(M, "SetRPM", { rpm: 60 }, act);
  await bench.clock.advance(100);
  assert.equal(act.writes(), 1);
  await bench.call(M, "Stop");
  assert.equal((await bench.call(M, "IsMoving")).isMoving, false);
  await bench.during(100, going);
  assert.equal((await bench.call(M, "IsMoving")).isMoving, true, "the overtaken command acts late");
});
