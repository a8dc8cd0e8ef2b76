import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { createVirtualClock } from "@vigil/leases/testing";
import { type EmergencyPlan, encodeMessage } from "./messages.js";
import { createSentinel } from "./sentinel.js";

interface Bench {
  readonly events: string[];
  readonly log: { level: string; fields: Record<string, unknown> }[];
  readonly drive: string;
  line(text: string): void;
  ended(): void;
  /** The agent's main thread has ended; its pipe has not yet. */
  die(): void;
  /** Time passes; the sentinel's process runs. */
  pass(ms: number): Promise<void>;
  /** Time passes while the sentinel's process is paused: its timers fire late, all at once. */
  pause(ms: number): Promise<void>;
  written(): string;
  until(what: string, holds: () => boolean): Promise<void>;
  plan(resources: readonly EmergencyPlan[]): void;
}

async function withSentinel(use: (bench: Bench) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-sentinel-"));
  const drive = join(directory, "drive");
  writeFileSync(drive, "");
  const clock = createVirtualClock();
  const events: string[] = [];
  const lines = [{ chip: "/dev/gpiochip0", line: 17, activeLow: false, fd: 3 }];
  const log: Bench["log"] = [];
  let late = 0;
  let alive = true;
  const sentinel = createSentinel({
    clock: { now: () => clock.now() + late, after: clock.after },
    know: (pid) => ({
      isAlive: () => alive,
      kill() {
        events.push(`kill ${pid}`);
        alive = false;
      },
    }),
    cutLine: ({ fd }) => void events.push(`cut ${fd}`),
    leaveWord: (file) => void events.push(`leave ${file}`),
    armed: () => void events.push("armed"),
    log: (level, fields) => void log.push({ level, fields }),
    done: () => void events.push("done"),
  });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1) {
      clock.advance(1);
      await turn();
    }
  };
  try {
    await use({
      events,
      log,
      drive,
      line: (text) => sentinel.line(text),
      ended: () => sentinel.ended(),
      die() {
        alive = false;
      },
      pass,
      async pause(ms) {
        late += ms;
        await pass(1);
      },
      written: () => readFileSync(drive, "utf8"),
      async until(what, holds) {
        for (let turns = 0; !holds(); turns += 1) {
          assert.ok(turns < 10_000, `never: ${what}`);
          // Real files are written meanwhile: virtual time must not outrun them.
          await sleep(1);
          await pass(1);
        }
      },
      plan: (resources) =>
        sentinel.line(encodeMessage({ kind: "plan", part: "main", pid: 4711, resources, lines }).trim()),
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const planOf = (drive: string): EmergencyPlan[] => [
  { name: "left", emergencyStop: [{ path: drive, hex: "68616c740a" }], eStop: [] },
];
const BEAT = "";

test("the agent dies: its emergency stops are written once, nobody is killed, and the sentinel ends", () =>
  withSentinel(async ({ plan, drive, line, ended, until, events, written, log }) => {
    plan(planOf(drive));
    line(BEAT);
    ended();
    await until("it ends", () => events.includes("done"));
    assert.equal(written(), "halt\n");
    assert.deepEqual(events, ["armed", "done"]);
    assert.equal(log[0]?.fields.cause, "dead");
  }));

test("the agent dies slowly: stopped when its main thread is gone, and once more when its pipe has ended", () =>
  withSentinel(async ({ plan, drive, line, die, ended, pass, until, events, written }) => {
    plan(planOf(drive));
    line(BEAT);
    await pass(20);
    die();
    await until("it is stopped", () => written() === "halt\n");
    await pass(200);
    assert.equal(written(), "halt\n");
    assert.deepEqual(events, ["armed"]);
    ended();
    await until("it ends", () => events.includes("done"));
    assert.equal(written(), "halt\nhalt\n");
    assert.deepEqual(events, ["armed", "done"], "nobody is killed");
  }));

test("a goodbye: nothing is written, whatever comes after it", () =>
  withSentinel(async ({ plan, drive, line, ended, pass, events, written }) => {
    plan(planOf(drive));
    line(BEAT);
    line(encodeMessage({ kind: "goodbye" }).trim());
    ended();
    await pass(2000);
    assert.equal(written(), "");
    assert.deepEqual(events, ["armed", "done"]);
  }));

test("beats stop: stopped within 520 ms, then the agent is killed, then stopped once more", () =>
  withSentinel(async ({ plan, drive, line, pass, ended, until, events, written, log }) => {
    plan(planOf(drive));
    for (let beat = 0; beat < 40; beat += 1) {
      line(BEAT);
      await pass(50);
    }
    line(BEAT);
    await pass(499);
    assert.equal(written(), "");
    await pass(21);
    await until("the agent is killed", () => events.includes("kill 4711"));
    ended();
    await until("it ends", () => events.includes("done"));
    assert.deepEqual(events, ["armed", "kill 4711", "done"]);
    assert.equal(written(), "halt\nhalt\n");
    assert.equal(log[0]?.fields.cause, "silent");
  }));

test("an agent that has not beaten yet is still starting, however long that takes", () =>
  withSentinel(async ({ plan, drive, pass, events, written }) => {
    plan(planOf(drive));
    await pass(5000);
    assert.equal(written(), "");
    assert.deepEqual(events, ["armed"]);
  }));

test("a pause of the sentinel itself, with the agent or alone, is no silence of the agent", () =>
  withSentinel(async ({ plan, drive, line, pass, pause, events, written }) => {
    plan(planOf(drive));
    line(BEAT);
    for (let round = 0; round < 5; round += 1) {
      await pause(10_000);
      await pass(100);
      line(BEAT);
    }
    assert.equal(written(), "");
    assert.deepEqual(events, ["armed"]);
  }));

test("an emergency stop that cannot be written leads to the e-stop line; another resource's is not held up", () =>
  withSentinel(async ({ plan, drive, line, ended, until, events, written, log }) => {
    plan([
      {
        name: "left",
        emergencyStop: [{ path: `${drive}-gone`, hex: "00" }],
        eStop: [{ path: drive, hex: "4c" }],
      },
      { name: "right", emergencyStop: [{ path: drive, hex: "52" }], eStop: [{ path: drive, hex: "58" }] },
    ]);
    line(BEAT);
    ended();
    await until("it ends", () => events.includes("done"));
    assert.equal([...written()].sort().join(""), "LR");
    assert.equal(log[0]?.level, "error");
    assert.match(String(log[0]?.fields.problems), /^left: .*ENOENT/);
  }));

test("the plan may change: what was told last counts", () =>
  withSentinel(async ({ plan, drive, line, ended, until, events, written }) => {
    plan([{ name: "left", emergencyStop: [{ path: drive, hex: "41" }], eStop: [] }]);
    line(BEAT);
    plan([{ name: "left", emergencyStop: [{ path: drive, hex: "42" }], eStop: [] }]);
    ended();
    await until("it ends", () => events.includes("done"));
    assert.equal(written(), "B");
  }));

test("an agent that ends before it has told anything leaves nothing to do", () =>
  withSentinel(async ({ ended, until, events }) => {
    ended();
    await until("it ends", () => events.includes("done"));
    assert.deepEqual(events, ["done"]);
  }));

test("an output line is cut as data, and word is left for the next agent; a line that nobody held goes on to the e-stop", () =>
  withSentinel(async ({ plan, drive, line, ended, until, events, written, log }) => {
    const gpio = { chip: "/dev/gpiochip0", line: 17, activeLow: false };
    plan([
      { name: "left", emergencyStop: [{ gpio }], eStop: [{ path: drive, hex: "4c" }], waitsFile: "/state/left" },
      {
        name: "right",
        emergencyStop: [{ gpio: { ...gpio, line: 18 } }],
        eStop: [{ path: drive, hex: "52" }],
        waitsFile: "/state/right",
      },
      { name: "arm", emergencyStop: [{ path: drive, hex: "41" }], eStop: [{ gpio }], waitsFile: "/state/arm" },
    ]);
    line(BEAT);
    ended();
    await until("it ends", () => events.includes("done"));
    assert.equal([...written()].sort().join(""), "AR");
    assert.deepEqual(events.slice(0, -1).sort(), ["armed", "cut 3", "leave /state/left", "leave /state/right"]);
    assert.match(String(log[0]?.fields.problems), /^right: \/dev\/gpiochip0 line 18: the agent did not hold the line$/);
  }));
