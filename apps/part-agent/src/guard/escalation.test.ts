import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Resource } from "@vigil/drivers";
import { createPartBench, type PartBench } from "../testing/part-bench.js";

interface Escalating {
  readonly part: PartBench;
  /** What was written to the drive, and to the e-stop line. */
  drive(): string;
  line(): string;
  /** Lets time pass until real files have been written as well. */
  until(what: string, holds: () => boolean): Promise<void>;
}

async function withEscalation(
  attributes: Readonly<Record<string, unknown>>,
  safety: (files: { readonly drive: string; readonly line: string }) => object,
  use: (escalating: Escalating) => Promise<void>,
  prepare?: (resource: Resource) => void,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-escalation-"));
  const files = { drive: join(directory, "drive"), line: join(directory, "line") };
  for (const file of Object.values(files)) writeFileSync(file, "");
  const part = await createPartBench(
    [
      { name: "left", api: "motor", safety: safety(files), attributes: { log_path: null, ...attributes } },
      { name: "right", api: "motor" },
    ],
    prepare,
  );
  try {
    await use({
      part,
      drive: () => readFileSync(files.drive, "utf8"),
      line: () => readFileSync(files.line, "utf8"),
      async until(what, holds) {
        // Virtual time stands meanwhile: only the writing of real files is waited for.
        for (let turns = 0; !holds(); turns += 1) {
          assert.ok(turns < 100_000, `never: ${what}`);
          await turn();
        }
      },
    });
  } finally {
    await part.close();
    rmSync(directory, { recursive: true });
  }
}

const bothSteps = ({ drive, line }: { drive: string; line: string }, after = "150ms") => ({
  stop_timeout: "100ms",
  escalate: {
    after,
    emergency_stop: [{ path: drive, text: "halt\n" }],
    e_stop: [{ path: line, hex: "30" }],
  },
});

async function move(part: PartBench, session: string, resource = "left"): Promise<void> {
  const call = part.client(session).call(`motor/${resource}`, "SetPower", { powerPct: 1 });
  // It may be refused while time passes; the caller sees it below.
  call.catch(() => undefined);
  await part.pass(5);
  await call;
}
const end = (part: PartBench, session: string) => part.runner.run((guard, now) => guard.sessionEnded(session, now));
const outcomes = (part: PartBench) =>
  part.events.flatMap((event) => (event.kind === "stop" && event.resource === "left" ? [event.outcome] : []));

test("a stop that never works: emergency stop, then the e-stop line; only a person re-arms", () =>
  withEscalation({ stop_hangs: true }, bothSteps, async ({ part, drive, line, until }) => {
    await move(part, "A");
    await move(part, "B", "right");
    end(part, "A");
    await part.pass(149);
    assert.equal(drive(), "", "not before its time");
    await part.pass(2);
    await until("the drive is written to", () => part.steps.length === 1);
    assert.equal(drive(), "halt\n");
    assert.equal(line(), "");
    const [told] = part.events.filter((event) => event.kind === "stop");
    assert.ok(told?.kind === "stop");
    assert.deepEqual(
      [told.resource, told.outcome, told.session, told.cause],
      ["left", "escalated", "A", "ended"],
      "when it begins, in the timeline of its session",
    );

    await part.pass(151);
    await until("the line is cut", () => part.steps.length === 2);
    assert.equal(line(), "0");
    assert.deepEqual(part.steps, [
      { resource: "left", step: "emergency_stop", ok: true },
      { resource: "left", step: "e_stop", ok: true },
    ]);
    assert.equal(part.runner.guard.awaitsRearm("left"), "e_stop");
    await assert.rejects(move(part, "C"), /e-stop line of left was cut/);

    assert.equal(part.runner.guard.awaitsRearm("right"), undefined);
    await move(part, "B", "right");
    assert.equal(part.runner.rearm("left"), true);
    assert.equal(part.runner.rearm("left"), false);
    await assert.rejects(move(part, "C"), /not acknowledged yet/, "re-armed is not stopped");
  }));

test("a stop that works after the emergency stop cuts no line, needs no re-arm, and is told as escalated", () =>
  // Attempts at 0, 100 and 300 ms: the backoff doubles. The third works.
  withEscalation(
    { stop_fails: 2 },
    (files) => bothSteps(files, "250ms"),
    async ({ part, drive, line, until }) => {
      await move(part, "A");
      end(part, "A");
      await part.pass(251);
      await until("the drive is written to", () => part.steps.length === 1);
      await part.pass(2000);
      assert.equal(drive(), "halt\n");
      assert.equal(line(), "");
      assert.deepEqual(outcomes(part), ["escalated", "escalated"]);
      assert.equal(part.runner.guard.awaitsRearm("left"), undefined);
      await move(part, "B");
    },
  ));

test("an emergency stop that cannot be written leads to the line at once", () =>
  withEscalation(
    { stop_hangs: true },
    (files) => bothSteps({ ...files, drive: `${files.drive}-that-is-not-there` }),
    async ({ part, line, until }) => {
      await move(part, "A");
      end(part, "A");
      await part.pass(151);
      await until("the line is cut", () => part.steps.length === 2);
      assert.equal(line(), "0");
      assert.deepEqual(
        part.steps.map(({ step, ok }) => `${step} ${ok}`),
        ["emergency_stop false", "e_stop true"],
      );
    },
  ));

test("30: a driver process that hangs is ended after 500 ms, then its emergency stop is written; others are on time", () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = once(child, "exit");
  return withEscalation(
    { stop_hangs: true },
    ({ drive }) => ({ escalate: { emergency_stop: [{ path: drive, text: "halt" }] } }),
    async ({ part, drive, until }) => {
      await move(part, "A");
      await move(part, "A", "right");
      end(part, "A");
      assert.deepEqual(part.commands().slice(-1), ["right stop"], "in the same turn");
      await part.pass(499);
      assert.deepEqual(part.steps, []);
      await part.pass(2);
      await until("its emergency stop is written", () => part.steps.length === 2);
      assert.deepEqual(
        part.steps.map(({ step, ok }) => `${step} ${ok}`),
        ["end_process true", "emergency_stop true"],
      );
      assert.equal(child.signalCode, "SIGKILL");
      assert.equal(drive(), "halt");
    },
    // What a driver that is a process of its own offers, over a process that takes no notice of anything.
    (resource) => {
      if (resource.name !== "left") return;
      resource.endProcess = async () => {
        child.kill("SIGKILL");
        await ended;
      };
    },
  );
});

test("at the end, what does not stop in time gets its emergency stop; what has none says so", () =>
  withEscalation({ stop_hangs: true }, bothSteps, async ({ part, drive }) => {
    const [left, right] = ["left", "right"].map((key) => part.resource(key));
    assert.equal(await part.runner.emergencyStop([left!]), true);
    assert.equal(drive(), "halt\n");
    assert.equal(await part.runner.emergencyStop([]), true);
    // A fake with a device log has an emergency stop of its own.
    assert.equal(await part.runner.emergencyStop([right!]), true);
    assert.deepEqual(part.commands(), ["right emergency_stop"]);
  }));
