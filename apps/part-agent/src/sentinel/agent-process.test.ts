import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { knowProcess } from "./agent-process.js";

async function sleeper() {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  return { child, ended: once(child, "exit") };
}

test("a process is dead from the instant of its SIGKILL, whether it was given a processor since or not", async () => {
  for (let round = 0; round < 20; round += 1) {
    const { child, ended } = await sleeper();
    const known = knowProcess(child.pid!);
    assert.equal(known.isAlive(), true);
    child.kill("SIGKILL");
    assert.equal(known.isAlive(), false);
    await ended;
    assert.equal(known.isAlive(), false, "also when another process has its id");
  }
});

test("a stopped process lives, and so does one with another signal waiting; kill() ends it", async () => {
  const { child, ended } = await sleeper();
  const known = knowProcess(child.pid!);
  child.kill("SIGSTOP");
  // Were both waiting, SIGTERM would be taken first.
  while (!readFileSync(`/proc/${child.pid}/stat`, "latin1").includes(") T ")) await setImmediate();
  child.kill("SIGTERM");
  assert.equal(known.isAlive(), true);
  known.kill();
  assert.equal(known.isAlive(), false);
  await ended;
  known.kill();
});

test("a process that is gone before anybody looked is dead, and is never killed", async () => {
  const { child, ended } = await sleeper();
  child.kill("SIGKILL");
  await ended;
  const known = knowProcess(child.pid!);
  assert.equal(known.isAlive(), false);
  known.kill();
});
