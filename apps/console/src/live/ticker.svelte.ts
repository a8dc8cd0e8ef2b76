import type { Clock, Timer } from "@vigil/shared";

/** Five readings a second: as often as a person can read a changing figure. */
const PERIOD_MS = 200;

/** The page's time as a reactive value, for figures that run between two snapshots. Rests while the page is hidden. */
export interface Ticker {
  readonly nowMs: number;
}

export function createTicker(clock: Clock, page: Document): Ticker {
  let nowMs = $state(clock.now());
  let timer: Timer | undefined;

  function turn(): void {
    timer?.cancel();
    if (page.visibilityState === "hidden") return;
    nowMs = clock.now();
    timer = clock.after(PERIOD_MS, turn);
  }
  page.addEventListener("visibilitychange", turn);
  turn();

  return {
    get nowMs() {
      return nowMs;
    },
  };
}
