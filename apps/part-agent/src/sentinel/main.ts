// The sentinel's process: Node's own modules alone, because what guards the agent must not fail with it.
import { constants, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { constants as osConstants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers";
import type { Clock } from "@vigil/shared";
import { knowProcess } from "./agent-process.js";
import { ARMED, decodeMessage } from "./messages.js";
import { createSentinel } from "./sentinel.js";
import { loadTermios } from "./serial-speed.js";

const STDERR = openLog();

const clock: Pick<Clock, "now" | "after"> = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  after(delayMs, task) {
    const handle = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

try {
  // It sleeps until it is needed, and then nothing on a busy computer may come first.
  setPriority(osConstants.priority.PRIORITY_HIGHEST);
} catch {
  // Not permitted: it acts when its turn comes, as every process does.
}
// A service manager that ends the whole unit ends the agent too, and only then there is work to do (docs/safety.md).
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
// Whoever read them may be dead, as the agent is: that must not end this process before its work is done.
process.stdout.on("error", () => undefined);

const sentinel = createSentinel({
  clock,
  know: knowProcess,
  armed: () => void process.stdout.write(`${ARMED}\n`),
  log(level, fields, message) {
    const line = { level, time: new Date().toISOString(), app: "sentinel", ...fields, msg: message };
    try {
      writeSync(STDERR, `${JSON.stringify(line)}\n`);
    } catch {
      // The log's reader is gone, or stopped (EAGAIN): the work is done all the same.
    }
  },
  done: () => process.exit(0),
});

// The threads that open and write devices are started before they are needed.
await open("/dev/null", "r").then((file) => file.close());
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const message = decodeMessage(line);
    const writes =
      message?.kind === "plan" ? message.resources.flatMap((plan) => [...plan.emergencyStop, ...plan.eStop]) : [];
    // Loaded now, because an emergency has no time for it; a failure shows again, and is told, when a speed is set.
    if (writes.some(({ baudRate }) => baudRate !== undefined)) loadTermios().catch(() => undefined);
    sentinel.line(line);
  })
  .on("close", () => sentinel.ended());

/** The agent's stderr, opened anew so that a terminal that was stopped does not stop this process as well. */
function openLog(): number {
  try {
    return openSync("/dev/fd/2", constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    // A socket cannot be opened anew (ENXIO).
    return 2;
  }
}
