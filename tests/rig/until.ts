import { setTimeout as sleep } from "node:timers/promises";

/** How often a condition is looked at, in ms. */
const LOOK_MS = 10;
/** How long anything that must happen may take on a machine under load, in ms. Correctness never hangs on it. */
export const PATIENCE_MS = 20_000;

/** Waits until `look` gives something, and says what it waited for when it never does. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain: ${what}`);
    await sleep(LOOK_MS);
  }
}

/** What `coming` comes to, or an error that says what is missing when it takes longer: an SDK may never settle a call. */
export async function within<T>(limitMs: number, missing: string, coming: Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = sleep(limitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`${missing} within ${limitMs} ms`);
  });
  try {
    return await Promise.race([coming, late]);
  } finally {
    limit.abort();
    late.catch(() => undefined);
    coming.catch(() => undefined);
  }
}

/** CLOCK_MONOTONIC in ms: the clock of every process on this machine and of the device logs. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * What turns a wall time in ms into CLOCK_MONOTONIC: of many readings the least, the one that comes right after the wall
 * clock's millisecond has begun.
 */
export function wallToMonotonicMs(): number {
  let least = Infinity;
  const end = monotonicMs() + 2;
  while (monotonicMs() < end) least = Math.min(least, monotonicMs() - Date.now());
  return least;
}
