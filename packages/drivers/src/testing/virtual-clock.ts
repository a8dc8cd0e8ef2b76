import type { Clock, Timer } from "@vigil/shared";

/** A clock that stands still until it is advanced. */
export interface VirtualClock extends Clock {
  /** Lets time pass: runs what falls due, in order, and lets what that sets going settle. */
  advance(ms: number): Promise<void>;
  /** Timers that have neither run nor been cancelled. */
  pending(): number;
}

/** Wall time at which every virtual clock starts: 2024-01-01T00:00:00Z. */
const WALL_START_MS = 1_704_067_200_000;

export function createVirtualClock(): VirtualClock {
  let nowMs = 1000;
  let order = 0;
  const timers = new Map<Timer, { atMs: number; order: number; task: () => void }>();
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    now: () => nowMs,
    wall: () => WALL_START_MS + nowMs,
    after(delayMs, task) {
      const timer: Timer = { cancel: () => void timers.delete(timer) };
      order += 1;
      timers.set(timer, { atMs: nowMs + Math.max(0, delayMs), order, task });
      return timer;
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (;;) {
        const [due] = [...timers].sort(([, a], [, b]) => a.atMs - b.atMs || a.order - b.order);
        if (!due || due[1].atMs > untilMs) break;
        const [timer, { atMs, task }] = due;
        timers.delete(timer);
        nowMs = Math.max(nowMs, atMs);
        task();
        await settle();
      }
      nowMs = untilMs;
    },
    pending: () => timers.size,
  };
}
