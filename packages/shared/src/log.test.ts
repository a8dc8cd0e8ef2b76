import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createLogger } from "./log.js";

test("writes JSON lines with the level by name, an ISO time and the bindings", () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: "warn",
    bindings: { part: "arm" },
    destination: { write: (line) => lines.push(line) },
  });
  logger.info("not this");
  logger.warn({ motors: 2 }, "this");
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.deepEqual(rest, { level: "warn", part: "arm", motors: 2, msg: "this" });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test("a reader of stderr that reads nothing does not hold up the event loop", async () => {
  // Far more than a pipe holds; a write that blocks would never come to the last line.
  const script = `
    import { createLogger } from ${JSON.stringify(new URL("./log.js", import.meta.url).href)};
    const logger = createLogger();
    for (let line = 0; line < 20_000; line++) logger.info("x".repeat(200));
    setTimeout(() => console.log("alive"), 10);
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  try {
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    assert.equal(chunk.toString(), "alive\n");
  } finally {
    child.kill("SIGKILL");
  }
});

test("the last lines before the exit are written", async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL("./log.js", import.meta.url).href)};
    createLogger().info("last");
    process.exit(0);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "ignore", "pipe"] });
  const [chunk] = (await once(child.stderr, "data")) as [Buffer];
  assert.equal((JSON.parse(chunk.toString()) as { msg: string }).msg, "last");
});

test("a reader that has died does not keep the process from ending", async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL("./log.js", import.meta.url).href)};
    const logger = createLogger();
    console.log("ready");
    process.stdin.once("end", () => {
      for (let line = 0; line < 100; line++) logger.info("to nobody");
      process.exit(7);
    }).resume();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "pipe"] });
  await once(child.stdout, "data");
  child.stderr.destroy();
  child.stdin.end();
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 7);
});
