import type { Clock } from "@vigil/shared";

/**
 * `work`, or a rejection after `limitMs`. The SDK never settles a call whose peer is gone, so whoever waits for a robot
 * waits with a limit.
 */
export function within<T>(clock: Clock, limitMs: number, what: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => reject(new Error(`${what}: no answer within ${limitMs} ms`)));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
