import type { MethodClass } from "@vigil/shared";

/** What a client asks for. The kind says what its handler does on the part. */
export interface ClientCall {
  readonly id: number;
  readonly resource: string;
  readonly class: MethodClass;
  /** How long a motion with an end takes, or a stream is expected, in ms. */
  readonly durationMs: number;
  /** A streamed call: its later messages act. */
  readonly streamed: boolean;
}

export type Answer = "ok" | (string & {});

/** A call on its way to a part: stamped by the gateway. */
export interface RelayedCall extends ClientCall {
  readonly key: string;
  readonly session: string | undefined;
  readonly incarnation: string;
  readonly fence: string;
  readonly connection: string;
  readonly tick: number;
  readonly order: number;
  /** True time: for the checkers alone. */
  readonly relayedAt: number;
}

export type ToPart =
  | { readonly kind: "welcome" }
  | { readonly kind: "call"; readonly call: RelayedCall }
  | { readonly kind: "message"; readonly key: string; readonly tick: number; readonly relayedAt: number }
  | { readonly kind: "cancel"; readonly key: string }
  | { readonly kind: "sessionEnd"; readonly session: string }
  | { readonly kind: "suspend"; readonly session: string }
  | { readonly kind: "connectionClosed"; readonly connection: string }
  | { readonly kind: "stopAll" }
  | { readonly kind: "closed" };

export type ToGateway =
  | { readonly kind: "tick"; readonly tick: number }
  | {
      readonly kind: "fenced";
      readonly session: string | undefined;
      readonly fence: string;
      readonly generation: number;
      readonly cause: string;
      readonly final: boolean;
    }
  | { readonly kind: "answer"; readonly key: string; readonly answer: Answer };

/** What travels with the calls, in order among themselves; the rest has the control path, and either may be ahead. */
export const ON_DATA_PATH: ReadonlySet<string> = new Set(["call", "message", "cancel", "answer"]);
