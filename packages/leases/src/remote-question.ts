import type { Reason } from "@vigil/shared";
import type { LeaseReading } from "./lease-store.js";

/** A part's question to the store that the gateway serves, on a message path of its own (rules.md, R3). */
export interface LeaseQuestion {
  /** Chosen by the asking part, never used again by that reader. */
  readonly questionId: number;
  readonly ids: readonly string[];
}

/** The answer to the question of the same `questionId`: a reading, or why there is none. */
export type RemoteAnswer =
  | { readonly questionId: number; readonly reading: LeaseReading }
  | { readonly questionId: number; readonly error: { readonly reason: Reason; readonly message: string } };
