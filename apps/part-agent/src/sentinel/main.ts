// The sentinel's process: Node's own modules alone, because what guards the agent must not fail with it.
import { constants, openSync, writeFileSync, writeSync } from "node:fs";
import { constants as osConstants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers";
import type { Clock } from "@vigil/shared";
import { knowProcess } from "./agent-process.js";
import { carryOut } from "./device-writes.js";
import { encodeLineValues, GPIO_V2_LINE_SET_VALUES, loadIoctl } from "./gpio-abi.js";
import { ARMED, decodeMessage } from "./messages.js";
import { createSentinel } from "./sentinel.js";
import { loadTermios } from "./serial-speed.js";

/** How often an emergency stop is gone through with /dev/null for a device, in ms. */
const REHEARSAL_MS = 10_000;
/** As many writes at once as the threads of a small part need. */
const REHEARSED_AT_ONCE = 16;
const STDERR = openLog();

const clock: Pick<Clock, "now" | "after"> = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  after(delayMs, task) {
    const handle = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

// It sleeps until it is needed, and then nothing on a busy computer may come first. Linux shares its processors out among
// sessions before processes (sched(7), autogroup), and this one has a session of its own, so that counts most: measured
// with both cores busy, its timers were up to 58 ms late without and 4 ms with it.
for (const prefer of [
  () => setPriority(osConstants.priority.PRIORITY_HIGHEST),
  () => writeFileSync("/proc/self/autogroup", String(osConstants.priority.PRIORITY_HIGHEST)),
]) {
  try {
    prefer();
  } catch {
    // Not permitted, or a kernel without autogroups: it acts when its turn comes, as every process does.
  }
}
// A service manager that ends the whole unit ends the agent too, and only then there is work to do (docs/safety.md).
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
// Whoever read them may be dead, as the agent is: that must not end this process before its work is done.
process.stdout.on("error", () => undefined);

const sentinel = createSentinel({
  clock,
  know: knowProcess,
  async cutLine({ fd }) {
    const ioctl = await loadIoctl();
    const failure = ioctl(fd, GPIO_V2_LINE_SET_VALUES, encodeLineValues(false));
    if (failure !== 0) throw new Error(`the line cannot be set: ${failure}`);
  },
  leaveWord(file) {
    writeFileSync(file, "e_stop", { mode: 0o600, flush: true });
  },
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

// Done before it is needed: threads are started, code is compiled. Done again and again: it stays in memory.
const rehearse = async () => {
  await Promise.all(
    Array.from({ length: REHEARSED_AT_ONCE }, () => carryOut(clock, [{ path: "/dev/null", hex: "00" }])),
  );
  clock.after(REHEARSAL_MS, rehearse);
};
await rehearse();
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const message = decodeMessage(line);
    const writes =
      message?.kind === "plan" ? message.resources.flatMap((plan) => [...plan.emergencyStop, ...plan.eStop]) : [];
    // Loaded now, because an emergency has no time for it; a failure shows again, and is told, when a speed is set.
    if (writes.some((write) => !("gpio" in write) && write.baudRate !== undefined)) {
      loadTermios().catch(() => undefined);
    }
    if (writes.some((write) => "gpio" in write)) loadIoctl().catch(() => undefined);
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
