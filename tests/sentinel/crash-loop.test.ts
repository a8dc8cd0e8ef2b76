import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createDeviceLog, isStop } from "../rig/device-log.js";
import { until } from "../rig/until.js";

const VIGIL = fileURLToPath(new URL("../../../apps/cli/dist/main.js", import.meta.url));
/** More often than any limit on restarts that a supervisor has by habit (systemd: 5 in 10 s). */
const CRASHES = 8;

/** The part-agent below `vigil up`, by its process id; undefined while there is none. */
function partAgentOf(supervisor: number): number | undefined {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8");
      if (Number(parent) === supervisor && command.includes("part-agent")) return Number(entry);
    } catch (error) {
      // It ended while it was looked at.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return undefined;
}

test("33: an agent that crashes again and again is started again, and stops its actuators each time", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "vigil-crash-loop-"));
  const devices = createDeviceLog(join(directory, "devices.log"));
  const file = join(directory, "robot.json");
  writeFileSync(
    file,
    JSON.stringify({
      network: { bind_address: "127.0.0.1:0" },
      components: [{ name: "left", api: "rdk:component:motor", model: "fake", attributes: { log_path: devices.file } }],
    }),
  );
  const up = spawn(process.execPath, [VIGIL, "up", file], { stdio: "ignore" });
  t.after(async () => {
    up.kill("SIGTERM");
    if (up.exitCode === null) await once(up, "exit");
    rmSync(directory, { recursive: true });
  });

  const killed = new Set<number>();
  for (let crash = 0; crash < CRASHES; crash += 1) {
    const seen = devices.all().length;
    await devices.came(`the stop of start ${crash + 1}`, isStop, crash === 0 ? 0 : seen);
    const pid = partAgentOf(up.pid!)!;
    assert.ok(!killed.has(pid));
    killed.add(pid);
    const before = devices.all().length;
    process.kill(pid, "SIGKILL");
    await devices.came("the sentinel's stop", ({ command }) => command === "emergency_stop", before);
  }
  await until("it is started once more", () => {
    const pid = partAgentOf(up.pid!);
    return pid !== undefined && !killed.has(pid);
  });
  assert.deepEqual(new Set(devices.all().map(({ command }) => command)), new Set(["stop", "emergency_stop"]));
});
