import type { Clock, LiveEvent } from "@vigil/shared";
import type { Dial, RobotConnection } from "./robot-connection.js";

/** Viam's exact text (viam-wire.md): after it the SDK's session is of no use any more. */
const SESSION_EXPIRED = "SESSION_EXPIRED";

export type ControlState =
  | { kind: "idle" }
  | { kind: "dialling" }
  | { kind: "holding"; connection: RobotConnection }
  | { kind: "lost"; why: string };

/** This page's control of the robot: one session, taken and given back by the person who drives. */
export interface Operator {
  readonly state: ControlState;
  take(): Promise<void>;
  /** Ends the session: whatever it moved is stopped by the gateway. */
  release(): void;
  /** Hears of the session's end from the live events, which arrive even when the connection is dead. */
  observe(event: LiveEvent): void;
  /** A call's error, in words; gives control up when the error says that the session is gone. */
  explain(error: unknown): string;
}

export function createOperator(clock: Clock, dial: () => Dial): Operator {
  let state = $state.raw<ControlState>({ kind: "idle" });
  let turn = 0;

  function leave(next: ControlState): void {
    turn += 1;
    if (state.kind === "holding") state.connection.close();
    state = next;
  }

  return {
    get state() {
      return state;
    },
    async take() {
      leave({ kind: "dialling" });
      const mine = turn;
      try {
        const { dialToControl } = await import("./robot-connection.js");
        const connection = await dialToControl(clock, dial(), (why) => {
          if (mine === turn) leave({ kind: "lost", why });
        });
        if (mine === turn) state = { kind: "holding", connection };
        else connection.close();
      } catch (error) {
        if (mine === turn) leave({ kind: "lost", why: inWords(error) });
      }
    },
    release: () => leave({ kind: "idle" }),
    observe(event) {
      if (event.type !== "end" || state.kind !== "holding") return;
      if (event.end.what === "end" && event.end.session === state.connection.sessionShortId) {
        leave({ kind: "lost", why: `the session ended: ${event.end.reason ?? event.end.cause}` });
      }
    },
    explain(error) {
      const words = inWords(error);
      if (words.includes(SESSION_EXPIRED) && state.kind === "holding")
        leave({ kind: "lost", why: "the session ended" });
      return words;
    },
  };
}

/** Over WebRTC the SDK prefixes every error with "[unknown]"; the server's words follow. */
export function inWords(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^\[unknown\]\s*/, "");
}
