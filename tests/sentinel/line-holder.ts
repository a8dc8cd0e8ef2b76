// An agent that is no more than its sentinel and one output line, and that dies as soon as the sentinel watches:
//   node line-holder.js FILE-THAT-SAYS-WHO-WAITS DRIVE
// There is no GPIO chip on most machines: its line is a handle of /dev/null, which the kernel knows to be no line.
import { openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger, createSystemClock } from "@vigil/shared";
import type { createSentinelProcess as SentinelProcessFactory } from "../../apps/part-agent/src/sentinel/sentinel-process.js";

const built = new URL("../../../apps/part-agent/dist/sentinel/sentinel-process.js", import.meta.url).href;
const { createSentinelProcess } = (await import(built)) as { createSentinelProcess: typeof SentinelProcessFactory };

const [waitsFile, drive] = process.argv.slice(2) as [string, string];
const gpio = { chip: "/dev/null", line: 17, activeLow: false };
const sentinel = createSentinelProcess({
  clock: createSystemClock(),
  log: createLogger(),
  part: "main",
  plan: () => [
    { name: "left", emergencyStop: [{ gpio }], eStop: [{ path: drive, hex: "30" }], waitsFile },
    { name: "right", emergencyStop: [{ gpio: { ...gpio, line: 18 } }], eStop: [] },
  ],
  lines: () => [{ ...gpio, fd: openSync("/dev/null", "r+") }],
});
// The one that takes its place has to have the line too.
while (!sentinel.isArmed) await sleep(1);
sentinel.renew();
while (!sentinel.isArmed) await sleep(1);
sentinel.beat();
process.kill(process.pid, "SIGKILL");
