import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LIMIT } from "../rig/limit.js";

interface Told {
  readonly app?: string;
  readonly cause: string;
  readonly problems: readonly string[];
}

test(
  "the sentinel holds the agent's output lines too: it sets them after the agent's death, and says what failed",
  LIMIT,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "vigil-line-"));
    const [waits, drive] = [join(directory, "left.waits"), join(directory, "drive")];
    writeFileSync(drive, "");
    const program = fileURLToPath(new URL("./line-holder.js", import.meta.url));
    const agent = spawn(process.execPath, [program, waits, drive], { stdio: ["ignore", "ignore", "pipe"] });
    try {
      const lines = createInterface({ input: agent.stderr });
      // The sentinel writes to the agent's stderr, which ends when both have ended.
      const told: Told[] = [];
      lines.on("line", (line) => told.push(JSON.parse(line) as Told));
      await Promise.all([once(lines, "close"), once(agent, "exit")]);
      assert.equal(agent.signalCode, "SIGKILL");
      const by = told.filter(({ app }) => app === "sentinel");
      assert.equal(by.length, 1, "the one before it was told goodbye");
      assert.equal(by[0]!.cause, "dead");
      // ENOTTY, not EBADF: the handle came along, and was asked to be set.
      assert.deepEqual([...by[0]!.problems].sort(), [
        "left: /dev/null line 17: the line cannot be set: ENOTTY",
        "right: /dev/null line 18: the agent did not hold the line",
      ]);
      assert.match(readFileSync(drive, "utf8"), /^0+$/, "what could not be set led to the e-stop");
      assert.equal(readFileSync(waits, "utf8"), "e_stop");
    } finally {
      agent.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    }
  },
);
