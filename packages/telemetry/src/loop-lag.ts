import { type Clock, every, type Timer } from "@vigil/shared";

/** How often the lag of the event loop is looked at, in ms: often enough to catch a stall that would delay a stop. */
const LAG_SAMPLE_MS = 20;

/** Calls `observe` with how late, in ms, each turn of a short timer came. */
export function watchLoopLag(clock: Clock, observe: (lagMs: number) => void): Timer {
  let expected = clock.now() + LAG_SAMPLE_MS;
  return every(clock, LAG_SAMPLE_MS, () => {
    const now = clock.now();
    observe(Math.max(0, now - expected));
    expected = now + LAG_SAMPLE_MS;
  });
}
