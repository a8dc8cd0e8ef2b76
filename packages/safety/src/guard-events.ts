import type { Reason, VigilError } from "@vigil/shared";
import type { GuardCall } from "./motion-group.js";
import type { StopOutcome } from "./stop-plan.js";

/** Why a part fenced a session, or stopped a group. */
export type StopCause =
  | "startup"
  | "lapsed"
  | "ended"
  | "link"
  | "clock"
  | "gateway"
  | "quiet"
  | "connection"
  | "cancelled"
  | "unsettled"
  | "released"
  | "client_stop"
  | "stop_all"
  | "shutdown";

/** Causes after which a group set to manual re-arm waits for a person: the loss of who moved it. */
export const LOSSES: ReadonlySet<StopCause> = new Set([
  "lapsed",
  "ended",
  "link",
  "clock",
  "gateway",
  "quiet",
  "connection",
]);

/** Why a motion group waits for a person before it moves again. */
export type RearmReason =
  /** Who moved it was lost, and it is set to manual re-arm. */
  | "loss"
  /** Its e-stop line was cut. */
  | "e_stop"
  /** The part ended without having stopped it, and it is set to manual re-arm. */
  | "restart";

/** What happened, for the gateway, the metrics and the timeline. Instants by the part's clock. */
export type GuardEvent =
  | {
      readonly kind: "fenced";
      /** Undefined: every session of the part. Those that moved something here are told one by one as well. */
      readonly session: string | undefined;
      /** The session's fence from now on; the generation's for all. */
      readonly fence: string;
      readonly generation: number;
      readonly cause: StopCause;
      readonly final: boolean;
      readonly at: number;
      readonly operationsCancelled: number;
    }
  | {
      readonly kind: "stop";
      /** Undefined: the stop belongs to no session (start, client's Stop). */
      readonly session: string | undefined;
      readonly cause: StopCause;
      readonly resource: string;
      readonly sentAt: number;
      readonly acknowledgedAt: number | undefined;
      readonly attempts: number;
      readonly outcome: StopOutcome;
    }
  | { readonly kind: "refused"; readonly reason: Reason; readonly resource: string };

/** What the guard asks for. It is never answered synchronously: answers come as later inputs. */
export interface GuardEffects {
  /** Run the call's handler now. */
  start(call: GuardCall): void;
  /** The call is refused; its handler never runs. */
  refuse(call: GuardCall, error: VigilError): void;
  /** Abort a running call and answer its caller with `error`; tell `settled` when its handler has returned. */
  abort(call: GuardCall, error: VigilError): void;
  /**
   * Carry out the resource's stop policy once, then tell `stopAcknowledged` or `stopFailed`. `cause`: the newest reason
   * to stop it, which may differ from that of the plan's report: a StopAll comes while a lapsed session's ramp runs.
   */
  stop(resource: string, attempt: number, cause: StopCause): void;
  /** The resource's escalation is due; the report "escalated" was told just before. */
  escalate(resource: string): void;
  /** Ask the store now rather than at the next turn: a call waits for it. */
  askLeases(): void;
  report(event: GuardEvent): void;
}
