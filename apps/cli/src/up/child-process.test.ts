import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLogger, createSystemClock } from "@vigil/shared";
import { createSupervisedChild } from "./child-process.js";

const directory = mkdtempSync(join(tmpdir(), "vigil-child-"));
after(() => rmSync(directory, { recursive: true }));

/** A real child process that runs `code`, and what it does as a stream of words that a test can wait for. */
function supervise(code: string, keep: (code: number | null) => boolean = () => true) {
  const main = join(directory, `${Math.abs(hash(code))}.mjs`);
  writeFileSync(main, code);
  const seen: string[] = [];
  const waiting: { readonly word: string; readonly count: number; resolve(): void }[] = [];
  const note = (word: string) => {
    seen.push(word);
    for (const wait of waiting) if (seen.filter((other) => other === wait.word).length >= wait.count) wait.resolve();
  };
  const logger = createLogger({
    level: "trace",
    destination: { write: (line) => note((JSON.parse(line) as { msg: string }).msg) },
  });
  const child = createSupervisedChild(
    {
      clock: createSystemClock(),
      logger,
      onLine: note,
      onExit(exitCode) {
        note(`exit ${exitCode}`);
        return keep(exitCode);
      },
    },
    { name: "arm", main, args: ["--config", "-"], directory, env: process.env },
  );
  const seenTimes = (word: string, count: number) =>
    new Promise<void>((resolve) => {
      if (seen.filter((other) => other === word).length >= count) resolve();
      else waiting.push({ word, count, resolve });
    });
  return { child, seen, seenTimes };
}

function hash(text: string): number {
  let value = 0;
  for (const character of text) value = (value * 31 + character.charCodeAt(0)) | 0;
  return value;
}

const READ_INPUT = 'import { readFileSync } from "node:fs"; const input = readFileSync(0, "utf8");';

test("the configuration arrives on standard input, and never among the arguments", async () => {
  const { child, seenTimes, seen } = supervise(
    `${READ_INPUT} console.log(process.argv.slice(2).join(" ")); console.log("got " + input); setInterval(() => {}, 1000);`,
  );
  child.start("the secret");
  await seenTimes("got the secret", 1);
  assert.ok(seen.includes("--config -"));
  await child.stop(5000);
});

test("a JSON line is marked with its origin; the parent's id is handed on", async () => {
  const { child, seenTimes } = supervise(
    `console.log(JSON.stringify({ level: "info", parent: process.env.VIGIL_PARENT_PID })); setInterval(() => {}, 1000);`,
  );
  child.start("");
  await seenTimes(`{"from":"arm","level":"info","parent":"${process.pid}"}`, 1);
  await child.stop(5000);
});

test("it is started again each time it ends, with the same input", async () => {
  const { child, seenTimes } = supervise(`${READ_INPUT} console.log("got " + input); process.exit(1);`);
  child.start("x");
  await seenTimes("got x", 3);
  await child.stop(5000);
});

test("it stays down when its exit says so", async () => {
  const { child, seenTimes, seen } = supervise("process.exit(2);", (code) => code !== 2);
  child.start("");
  await seenTimes("exit 2", 1);
  await child.stop(5000);
  assert.equal(seen.filter((word) => word.startsWith("exit")).length, 1);
});

test("SIGTERM first; what does not end is killed", async () => {
  const polite = supervise(
    `process.on("SIGTERM", () => { console.log("bye"); process.exit(0); }); console.log("up"); setInterval(() => {}, 1000);`,
  );
  polite.child.start("");
  await polite.seenTimes("up", 1);
  await polite.child.stop(60_000);
  await polite.seenTimes("bye", 1);

  const deaf = supervise(
    `process.on("SIGTERM", () => console.log("no")); console.log("up"); setInterval(() => {}, 1000);`,
  );
  deaf.child.start("");
  await deaf.seenTimes("up", 1);
  await deaf.child.stop(100);
  assert.ok(deaf.seen.some((word) => word.includes("it is killed")));
  assert.ok(!deaf.seen.some((word) => word.startsWith("exit")), "an end that was asked for is no failure");
});
