import { REMEMBERED_TICKS } from "./bounds.js";

/**
 * A part's own numbering of its time (rules.md, R5): it sends each number on the control path, the gateway stamps the
 * newest one it has on every message that it relays, and the part judges a message's age by its own clock alone.
 */
export interface Ticks {
  /** Begins the next tick at `now` and returns its number, from 1. */
  next(now: number): number;
  /** Age in ms of a message that carries `tick`; Infinity for a number that is unknown, forgotten or not yet given. */
  ageMs(tick: number, now: number): number;
}

export function createTicks(): Ticks {
  const times = new Float64Array(REMEMBERED_TICKS);
  let last = 0;
  return {
    next(now) {
      last += 1;
      times[last % REMEMBERED_TICKS] = now;
      return last;
    },
    ageMs(tick, now) {
      if (!Number.isSafeInteger(tick) || tick < 1 || tick > last || tick <= last - REMEMBERED_TICKS) return Infinity;
      return now - times[tick % REMEMBERED_TICKS]!;
    },
  };
}
