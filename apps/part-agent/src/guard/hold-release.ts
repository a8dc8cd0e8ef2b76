import { type Clock, type Logger, type Timer, VigilError } from "@vigil/shared";
import type { GuardedResource } from "./part-resources.js";

/** Turns holds into plain stops when their time is over (policy `hold` with `release_after`). */
export interface HoldRelease {
  /** The resource's hold is acknowledged. */
  held(resource: GuardedResource): void;
  /** It was commanded anew, or is being stopped: its hold is over. */
  over(key: string): void;
  close(): void;
}

/** Backoff between attempts to release, in ms, as between those of a stop (rules.md, R7). */
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;

export function createHoldRelease(deps: {
  readonly clock: Clock;
  readonly log: Logger;
  /** Keeps every command from the resource's group until the work is done: what moves next must not be stopped by it. */
  during(key: string, work: () => Promise<void>): Promise<void>;
}): HoldRelease {
  const { clock, log } = deps;
  const timers = new Map<string, Timer>();
  let closed = false;
  const pause = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));

  async function release({ key, resource, settings }: GuardedResource): Promise<void> {
    for (let backoffMs = FIRST_BACKOFF_MS; !closed; backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS)) {
      let why = "it has not returned in time";
      const stopped = resource.stop!({}).then(
        () => true,
        (error: unknown) => {
          why = VigilError.from(error, "driver").message;
          return false;
        },
      );
      const late = pause(settings.safety.stopTimeoutMs).then(() => false);
      if (await Promise.race([stopped, late])) return log.info({ resource: key }, "a hold was released");
      log.warn({ resource: key, error: why }, "a hold could not be released; it will be tried again");
      await pause(backoffMs);
    }
  }

  const over = (key: string) => {
    timers.get(key)?.cancel();
    timers.delete(key);
  };
  return {
    held(resource) {
      const { key, stopAction } = resource;
      over(key);
      if (stopAction.kind !== "hold" || stopAction.releaseAfterMs === undefined) return;
      const timer = clock.after(stopAction.releaseAfterMs, () => {
        timers.delete(key);
        void deps.during(key, () => release(resource));
      });
      timers.set(key, timer);
    },
    over,
    close() {
      closed = true;
      for (const timer of timers.values()) timer.cancel();
    },
  };
}
