import { type Clock, every, type Timer } from "@vigil/shared";

/** How often the loop's turns are noted, in ms. */
const TURN_MS = 20;
/** A gap of this much between turns is a pause of the process, in ms: five turns missed. */
const PAUSE_MS = 100;

/** Dates arrivals so that a pause of this process makes no packet younger than it is. */
export interface ArrivalClock {
  /**
   * When a packet that is being handled now arrived at the latest possible *safe* reading: now, or, after a pause, the
   * last instant before it. Whatever was buffered while the process stood still counts as having come at its start
   * (rules.md, scenario 4).
   */
  arrivedAt(): number;
  close(): void;
}

export function createArrivalClock(clock: Clock): ArrivalClock {
  let lastTurnAt = clock.now();
  let pausedSince: number | undefined;
  const timer: Timer = every(clock, TURN_MS, () => {
    const now = clock.now();
    // For one more turn: what was buffered may take the loop several rounds to read.
    pausedSince = now - lastTurnAt > PAUSE_MS ? lastTurnAt : undefined;
    lastTurnAt = now;
  });
  return {
    arrivedAt() {
      const now = clock.now();
      if (now - lastTurnAt > PAUSE_MS) return lastTurnAt;
      return pausedSince ?? now;
    },
    close: () => timer.cancel(),
  };
}
