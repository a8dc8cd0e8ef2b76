import type { Clock, Timer } from "@vigil/shared";
import { inWords } from "../control/operator.svelte.js";
import type { Dial, RobotConnection } from "../control/robot-connection.js";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

export type WatcherState =
  | { kind: "idle" }
  | { kind: "dialling" }
  | { kind: "watching"; connection: RobotConnection }
  | { kind: "waiting"; why: string };

/** The connection that camera pictures come over. It owns no session, so a page that only watches can stop nothing and keep nothing alive. */
export interface Watcher {
  readonly state: WatcherState;
  /** Connects while `wanted`, closes when not. */
  want(wanted: boolean): void;
}

export function createWatcher(clock: Clock, dial: () => Dial): Watcher {
  let state = $state.raw<WatcherState>({ kind: "idle" });
  let wanted = false;
  let turn = 0;
  let failures = 0;
  let timer: Timer | undefined;

  function leave(next: WatcherState): void {
    turn += 1;
    timer?.cancel();
    if (state.kind === "watching") state.connection.close();
    state = next;
  }

  function retry(why: string): void {
    leave({ kind: "waiting", why });
    timer = clock.after(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures), connect);
    failures += 1;
  }

  async function connect(): Promise<void> {
    leave({ kind: "dialling" });
    const mine = turn;
    try {
      const { dialToWatch } = await import("../control/robot-connection.js");
      const connection = await dialToWatch(clock, dial(), (why) => {
        if (mine === turn) retry(why);
      });
      if (mine !== turn) {
        connection.close();
        return;
      }
      failures = 0;
      state = { kind: "watching", connection };
    } catch (error) {
      if (mine === turn) retry(inWords(error));
    }
  }

  return {
    get state() {
      return state;
    },
    want(next) {
      if (next === wanted) return;
      wanted = next;
      failures = 0;
      if (wanted) void connect();
      else leave({ kind: "idle" });
    },
  };
}
