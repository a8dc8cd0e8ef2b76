import { type Clock, every, type Timer } from "./clock.js";

/** How often the parent is looked for: it bounds how long a child outlives it, and costs one system call. */
const WATCH_PERIOD_MS = 100;

/**
 * Environment variable in which a parent leaves its process id for a child that must not outlive it: `vigil up` sets
 * it for the gateway and the part-agents.
 */
export const PARENT_PID_VARIABLE = "VIGIL_PARENT_PID";

/**
 * Calls `onGone` once when process `parentPid` is no longer the parent of this one, also when it was killed by SIGKILL
 * or was gone before the watch began. `currentParent` reads the parent's id and is given in tests only.
 */
export function watchParent(
  clock: Clock,
  parentPid: number,
  onGone: () => void,
  currentParent: () => number = () => process.ppid,
): Timer {
  const timer = every(clock, WATCH_PERIOD_MS, () => {
    if (currentParent() === parentPid) return;
    timer.cancel();
    onGone();
  });
  return timer;
}

/** The id that a parent left in `env`; undefined when nobody asked for a watch. */
export function parentPidOf(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const text = env[PARENT_PID_VARIABLE];
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}
