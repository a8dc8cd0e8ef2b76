import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
const DEMO = fileURLToPath(new URL("../../../../deploy/demo/robot.json", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "vigil-up-"));
/** Only for what never comes: a hang must not hold up every other test. */
const LIMIT = { timeout: 60_000 };
after(() => rmSync(directory, { recursive: true }));

/** A running `vigil up`, with what a test needs to see of it from outside. */
function startUp(file: string, env: Record<string, string> = {}) {
  const up = spawn(process.execPath, [MAIN, "up", file], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PORT: "0", ...env },
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [up.stdout, up.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const exited = once(up, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  /** Resolves with the line once one holds `text`; fails when the process ends first. */
  const line = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.find((candidate) => candidate.includes(text));
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void exited.then(() => reject(new Error(`it ended without "${text}":\n${lines.join("\n")}`)));
    });
  after(() => end(up));
  return { up, line, lines, exited };
}

function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
}

/** Process ids of the apps that `parent` started. */
function appsOf(parent: number): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ").map(Number);
  return children.filter((pid) => /(gateway|part-agent)\/dist\/main\.js/.test(commandLine(pid)));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  while (pids.some((pid) => commandLine(pid) !== "")) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("the demo robot comes up, says where, and ends with 0 and nothing left behind", LIMIT, async () => {
  const { up, line, lines, exited } = startUp(DEMO);
  await line("Robot constructed with full config");
  const console = (await line("console  ")).split(/\s+/)[1]!;
  assert.equal((await fetch(`${console}readyz`)).status, 200);
  const pids = appsOf(up.pid!);
  assert.equal(pids.length, 3, "gateway, main and arm");
  for (const pid of pids) assert.doesNotMatch(commandLine(pid), /secret/);
  up.kill("SIGTERM");
  assert.deepEqual(await exited, [0, null], lines.join("\n"));
  await allGone(pids);
});

test("a killed child is started again", LIMIT, async () => {
  const { up, line, exited } = startUp(DEMO);
  await line("Robot constructed with full config");
  const before = appsOf(up.pid!);
  process.kill(before[1]!, "SIGKILL");
  await line("it is started again");
  while (appsOf(up.pid!).length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  up.kill("SIGINT");
  assert.deepEqual(await exited, [0, null]);
});

test("its children end when it is killed itself", LIMIT, async () => {
  const { up, line } = startUp(DEMO);
  await line("Robot constructed with full config");
  const pids = appsOf(up.pid!);
  assert.equal(pids.length, 3);
  up.kill("SIGKILL");
  await allGone(pids);
});

test("a port that is taken ends it with 3", LIMIT, async () => {
  const server = createServer().listen(0, "127.0.0.1");
  after(() => server.close());
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { exited, lines } = startUp(DEMO, { PORT: String(port) });
  assert.deepEqual(await exited, [3, null], lines.join("\n"));
});

test("SIGHUP reads the file again: a broken one changes nothing, a new part appears", LIMIT, async () => {
  const file = join(directory, "robot.json");
  const robot = { network: { bind_address: "127.0.0.1:0" }, components: [] };
  writeFileSync(file, JSON.stringify(robot));
  const { up, line, exited } = startUp(file);
  await line("Robot constructed with full config");
  const before = appsOf(up.pid!);
  writeFileSync(file, "{ broken");
  up.kill("SIGHUP");
  await line("the robot goes on with the old one");
  assert.deepEqual(appsOf(up.pid!), before);
  writeFileSync(file, JSON.stringify({ ...robot, parts: { arm: { components: [] } } }));
  up.kill("SIGHUP");
  await line("the file was read again");
  assert.equal(appsOf(up.pid!).length, 3);
  up.kill("SIGTERM");
  assert.deepEqual(await exited, [0, null]);
});
