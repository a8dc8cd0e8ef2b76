import type { Clock } from "@vigil/shared";

/** The page's clock; nothing else in the console reads the time. */
export function createBrowserClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(delayMs, task) {
      const handle = window.setTimeout(task, Math.max(0, delayMs));
      return { cancel: () => window.clearTimeout(handle) };
    },
  };
}
