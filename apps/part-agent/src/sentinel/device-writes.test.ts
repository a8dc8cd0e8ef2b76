import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSystemClock } from "@vigil/shared";
import koffi from "koffi";
import { carryOut } from "./device-writes.js";

const clock = createSystemClock();

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "vigil-writes-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function pipe(t: TestContext, name: string): string {
  const path = join(directoryFor(t), name);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  return path;
}

test("writes go to files in their order, and add to what is there", async (t) => {
  const path = join(directoryFor(t), "line");
  writeFileSync(path, "1");
  assert.deepEqual(
    await carryOut(clock, [
      { path, hex: "30" },
      { path, hex: "0a32" },
    ]),
    [],
  );
  assert.equal(readFileSync(path, "utf8"), "10\n2");
});

test("what cannot be written is told, and keeps the next write from nothing", async (t) => {
  const directory = directoryFor(t);
  const path = join(directory, "line");
  writeFileSync(path, "");
  const problems = await carryOut(clock, [
    { path: join(directory, "gone"), hex: "00" },
    { path: pipe(t, "nobody-reads"), hex: "00" },
    { path, hex: "41" },
  ]);
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /gone: ENOENT/);
  assert.match(problems[1]!, /nobody-reads: ENXIO/);
  assert.equal(readFileSync(path, "utf8"), "A");
});

test("a device that takes no bytes is given up, and the next one still gets its own", async (t) => {
  const full = pipe(t, "full");
  const reader = openSync(full, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const block = Buffer.alloc(65_536);
  assert.throws(() => {
    for (;;) writeSync(reader, block);
  }, /EAGAIN/);
  const path = join(directoryFor(t), "line");
  writeFileSync(path, "");
  const problems = await carryOut(clock, [
    { path: full, hex: "00" },
    { path, hex: "41" },
  ]);
  assert.match(problems[0]!, /full: it took nothing within \d+ ms/);
  assert.equal(readFileSync(path, "utf8"), "A");
});

test("a pipe that is full for a moment gets all bytes", async (t) => {
  const path = pipe(t, "slow");
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const block = Buffer.alloc(65_536);
  assert.throws(() => {
    for (;;) writeSync(reader, block);
  }, /EAGAIN/);
  clock.after(20, () => readSync(reader, block));
  assert.deepEqual(await carryOut(clock, [{ path, hex: "41".repeat(5000) }]), []);
});

test("a baud rate makes a terminal raw and fast before the bytes; what is no terminal gets the bytes all the same", async (t) => {
  const libc = koffi.load("libc.so.6");
  const ptsname = libc.func("str ptsname(int fd)");
  const controller = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  t.after(() => closeSync(controller));
  assert.equal(libc.func("int grantpt(int fd)")(controller), 0);
  assert.equal(libc.func("int unlockpt(int fd)")(controller), 0);
  const path = ptsname(controller) as string;
  // Kept open: a terminal forgets its settings with its last user.
  const driver = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  t.after(() => closeSync(driver));

  assert.deepEqual(await carryOut(clock, [{ path, hex: Buffer.from("sr\n").toString("hex"), baudRate: 115200 }]), []);
  const { stdout } = spawnSync("stty", ["-F", path, "-a"], { encoding: "utf8" });
  assert.match(stdout, /speed 115200 baud/);
  assert.match(stdout, /-opost/);
  const got = Buffer.alloc(16);
  assert.equal(got.subarray(0, readSync(controller, got)).toString(), "sr\n", "no line end is translated");

  assert.match((await carryOut(clock, [{ path, hex: "00", baudRate: 12345 }]))[0]!, /12345 is no baud rate/);
  const file = join(directoryFor(t), "file");
  writeFileSync(file, "");
  assert.match((await carryOut(clock, [{ path: file, hex: "41", baudRate: 9600 }]))[0]!, /no serial port/);
  assert.equal(readFileSync(file, "utf8"), "A");
});
