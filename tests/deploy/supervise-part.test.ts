import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { inRepository, run } from "./repository.js";

const script = inRepository("deploy/docker/supervise-part.sh");

/** Longest wait for an event that must come: far above what it takes, so that only its absence fails a test. */
const PATIENCE_MS = 20_000;

/** Ends by itself at its first start, leaving a sentinel that needs a while; then serves until SIGTERM. */
const AGENT = `
echo "start" >>"$LOG"
if [ ! -e "$LOG.once" ]; then
  : >"$LOG.once"
  sh "$SENTINEL" &
  sleep 0.2
  kill -KILL $$
fi
trap 'echo "stopped" >>"$LOG"; exit 7' TERM
trap 'echo "reloaded" >>"$LOG"' HUP
echo "serving" >>"$LOG"
while :; do sleep 0.05; done
`;
const SENTINEL = `
trap '' TERM
sleep 0.8
echo "emergency stop" >>"$LOG"
`;

/** Runs the supervisor as PID 1 of a namespace of its own, as in a container. */
function startContainer(directory: string): { child: ChildProcess; log(): string[] } {
  const logFile = join(directory, "log");
  for (const [name, text] of [
    ["agent", AGENT],
    ["sentinel", SENTINEL],
  ] as const) {
    writeFileSync(join(directory, name), text);
  }
  const args = ["--pid", "--fork", "--mount-proc", "--kill-child", "sh", script, "sh", join(directory, "agent")];
  const child = spawn("unshare", args, {
    stdio: "ignore",
    env: { ...process.env, LOG: logFile, SENTINEL: join(directory, "sentinel") },
  });
  return { child, log: () => (existsSync(logFile) ? readFileSync(logFile, "utf8").trim().split("\n") : []) };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = process.hrtime.bigint() + BigInt(PATIENCE_MS) * 1_000_000n;
  while (!holds()) {
    assert.ok(process.hrtime.bigint() < end, `never: ${what}`);
    await delay(20);
  }
}

function needsNamespaces(t: TestContext): boolean {
  const possible = spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;
  if (!possible) t.skip("NO PID NAMESPACES HERE: run as root on Linux with util-linux");
  return possible;
}

test("a dead agent is restarted after its sentinel's stop; signals and the exit code pass through", async (t) => {
  if (!needsNamespaces(t)) return;
  const directory = mkdtempSync(join(tmpdir(), "vigil-supervise-"));
  const { child, log } = startContainer(directory);
  try {
    await until("the second start", () => log().includes("serving"));
    assert.deepEqual(log(), ["start", "emergency stop", "start", "serving"]);

    const inside = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim());
    process.kill(inside, "SIGHUP");
    await until("the reload", () => log().includes("reloaded"));
    process.kill(inside, "SIGTERM");
    const [code] = (await once(child, "exit")) as [number | null];
    assert.equal(code, 7);
    assert.equal(log().at(-1), "stopped");
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
});

test("outside of a container it refuses to run, because it signals every process it sees", () => {
  const { status, output } = run("sh", [script, "true"]);
  assert.equal(status, 2);
  assert.match(output, /only as the command of a container/);
});
