import type { SessionDescription } from "../peer.js";

export type ChannelName = "data" | "negotiation";

/** From a test to the process with the clients. */
export type ToClient =
  | { op: "dial"; id: number }
  | { op: "answer"; id: number; answer: SessionDescription }
  | { op: "send"; id: number; channel: ChannelName; text?: string; base64?: string }
  /** Sends `count` messages one after the other, each when the one before it came back. */
  | { op: "echo"; id: number; count: number }
  | { op: "close"; id: number };

export type FromClient =
  | { op: "offer"; id: number; offer: SessionDescription }
  /** `afterMs` counts from the dial. */
  | { op: "open"; id: number; afterMs: number }
  | { op: "message"; id: number; channel: ChannelName; text?: string; base64?: string }
  | { op: "echoed"; id: number; roundTripsMs: number[] }
  | { op: "closed"; id: number };
