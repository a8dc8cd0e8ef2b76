import type { Clock, StopAllResult } from "@vigil/shared";
import { ApiError, type VigilApi } from "../api/vigil-api.js";

/** A STOP that did not get through is sent again this soon, and for this long: then a person must know and act. */
const RETRY_MS = 300;
const GIVE_UP_AFTER_MS = 10_000;

export type StopState =
  | { kind: "idle" }
  | { kind: "sending"; attempts: number; trouble: string | null }
  | { kind: "done"; result: StopAllResult }
  | { kind: "failed"; why: string };

/** The STOP button's request: a plain POST that needs neither the live connection nor the SDK's. */
export interface StopAll {
  readonly state: StopState;
  press(): void;
}

export function createStopAll(clock: Clock, api: VigilApi): StopAll {
  let state = $state.raw<StopState>({ kind: "idle" });
  let press = 0;

  async function send(mine: number, pressedAtMs: number, attempts: number): Promise<void> {
    try {
      const result = await api.stopAll();
      if (mine === press) state = { kind: "done", result };
    } catch (error) {
      if (mine !== press) return;
      const why = error instanceof ApiError ? error.message : "the gateway cannot be reached";
      const hopeless = error instanceof ApiError && (error.status === 401 || error.status === 403);
      if (hopeless || clock.now() - pressedAtMs > GIVE_UP_AFTER_MS) {
        state = { kind: "failed", why };
        return;
      }
      state = { kind: "sending", attempts, trouble: why };
      clock.after(RETRY_MS, () => {
        if (mine === press) void send(mine, pressedAtMs, attempts + 1);
      });
    }
  }

  return {
    get state() {
      return state;
    },
    press() {
      press += 1;
      state = { kind: "sending", attempts: 1, trouble: null };
      void send(press, clock.now(), 1);
    },
  };
}
