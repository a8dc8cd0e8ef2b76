import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Clock, createLogger, createSystemClock } from "@vigil/shared";
import { createRearmMemory, type RearmMemory, type RearmMemoryOptions } from "./rearm-memory.js";

type Resources = RearmMemoryOptions["resources"];
const ARM = { key: "arm", rearm: "manual", hasLine: false } as const;
const LIFT = { key: "motor/lift", rearm: "auto", hasLine: true } as const;
const FAN = { key: "fan", rearm: "auto", hasLine: false } as const;
const ALL: Resources = [ARM, LIFT, FAN];

function folderFor(t: TestContext): string {
  const parent = mkdtempSync(join(tmpdir(), "vigil-rearm-"));
  t.after(() => rmSync(parent, { recursive: true, force: true, maxRetries: 10 }));
  return join(parent, "rearm", "main");
}

/** A start of the part: its memory, once what it writes at the start is written. */
async function start(
  directory: string | undefined,
  resources = ALL,
  clock: Pick<Clock, "after"> = createSystemClock(),
) {
  const errors: string[] = [];
  const log = createLogger({ destination: { write: (line: string) => void errors.push(line) } });
  const memory = await createRearmMemory({ clock, log }, { directory, resources });
  const isKept = directory !== undefined && resources.some(({ rearm, hasLine }) => rearm === "manual" || hasLine);
  const hasFailed = () => errors.some((line) => line.includes("cannot be remembered"));
  for (let turns = 0; isKept && !hasFailed() && !existsSync(join(directory, "running")); turns += 1) {
    assert.ok(turns < 2000, "it never says that it runs");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { memory, errors };
}
const recalled = ({ memory }: { memory: RearmMemory }) => Object.fromEntries(memory.recalled);

test("what waits is there after any end of the process, with its reason, until a person has re-armed it", async (t) => {
  const folder = folderFor(t);
  const first = await start(folder);
  assert.deepEqual(recalled(first), {});
  await first.memory.remember(["arm"], "loss");
  await first.memory.remember(["motor/lift"], "e_stop");
  assert.deepEqual(readdirSync(folder).sort(), ["arm.waits", "motor%2Flift.waits", "running"], "before it resolves");

  const second = await start(folder);
  assert.deepEqual(recalled(second), { arm: "loss", "motor/lift": "e_stop" });
  second.memory.forget(["arm", "motor/lift"]);
  await second.memory.endWell();
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(recalled(await start(folder)), {});
});

test("after a good end only what waited waits; after a bad one everything set to manual does", async (t) => {
  const folder = folderFor(t);
  const first = await start(folder);
  await first.memory.endWell();
  const second = await start(folder);
  assert.deepEqual(recalled(second), {});

  const third = await start(folder);
  assert.deepEqual(recalled(third), { arm: "restart" }, "the one before it did not end well");
  await third.memory.remember(["arm"], "restart");
  await third.memory.endWell();
  assert.deepEqual(recalled(await start(folder)), { arm: "restart" }, "a good end re-arms nothing");
});

test("a cut line that comes after a lost session is what counts from then on", async (t) => {
  const folder = folderFor(t);
  const { memory } = await start(folder);
  await memory.remember(["arm"], "loss");
  await memory.remember(["arm"], "e_stop");
  await memory.remember(["arm"], "loss");
  assert.equal(readFileSync(memory.fileOf("arm")!, "utf8"), "e_stop");
});

test("a file of the sentinel's, or one that was cut short, counts as a cut line", async (t) => {
  const folder = folderFor(t);
  const { memory } = await start(folder);
  await memory.endWell();
  writeFileSync(memory.fileOf("motor/lift")!, "e_stop");
  writeFileSync(memory.fileOf("arm")!, "");
  writeFileSync(join(folder, "gone.waits"), "loss");
  const next = await start(folder);
  assert.deepEqual(recalled(next), { arm: "e_stop", "motor/lift": "e_stop" });
  assert.ok(next.errors.some((line) => line.includes("not configured any more")));
});

test("a folder that cannot be read makes everything wait that could; one that never was, nothing", async (t) => {
  const folder = folderFor(t);
  mkdirSync(join(folder, ".."), { recursive: true });
  writeFileSync(folder, "a file in its place");
  const { memory, errors } = await start(folder);
  assert.deepEqual(recalled({ memory }), { arm: "restart", "motor/lift": "restart" });
  assert.ok(errors.some((line) => line.includes("cannot be remembered")));
  await memory.remember(["arm"], "loss");
  await memory.endWell();
});

test("a part that nothing could wait in leaves no folder behind; without a folder it says what that means", async (t) => {
  const folder = folderFor(t);
  const { memory } = await start(folder, [FAN]);
  await memory.endWell();
  assert.ok(!existsSync(folder));
  const without = await start(undefined);
  assert.equal(without.memory.fileOf("arm"), undefined);
  assert.ok(without.errors.some((line) => line.includes("state_directory")));
  await without.memory.remember(["arm"], "loss");
  without.memory.forget(["arm"]);
  await without.memory.endWell();
});

test("a disk that hangs holds up neither a start nor a stop for long", async (t) => {
  const folder = folderFor(t);
  // Its time is over before any disk can answer.
  const impatient: Pick<Clock, "after"> = {
    after(_delayMs, task) {
      const now = setImmediate(task);
      return { cancel: () => clearImmediate(now) };
    },
  };
  const { memory, errors } = await start(folder, ALL, impatient);
  assert.deepEqual(recalled({ memory }), { arm: "restart", "motor/lift": "restart" }, "it may say that a line was cut");
  await memory.remember(["arm"], "loss");
  assert.ok(errors.some((line) => line.includes("took longer than")));
});
