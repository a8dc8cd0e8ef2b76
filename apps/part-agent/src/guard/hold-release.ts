import type { Clock, Timer } from "@vigil/shared";
import type { GuardedResource } from "./part-resources.js";

/** Tells when holds have lasted long enough (policy `hold` with `release_after`). */
export interface HoldRelease {
  /** The resource's hold is acknowledged. */
  held(resource: GuardedResource): void;
  /** It was commanded anew, or is being stopped: its hold is over. */
  over(key: string): void;
  close(): void;
}

export function createHoldRelease(clock: Clock, release: (key: string) => void): HoldRelease {
  const timers = new Map<string, Timer>();
  const over = (key: string) => {
    timers.get(key)?.cancel();
    timers.delete(key);
  };
  return {
    held({ key, stopAction }) {
      over(key);
      if (stopAction.kind !== "hold" || stopAction.releaseAfterMs === undefined) return;
      const timer = clock.after(stopAction.releaseAfterMs, () => {
        timers.delete(key);
        release(key);
      });
      timers.set(key, timer);
    },
    over,
    close() {
      for (const timer of timers.values()) timer.cancel();
    },
  };
}
