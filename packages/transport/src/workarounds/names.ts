/**
 * Every workaround for a defect of werift 0.25.2, or of the stacks that it meets, by the name of its file. A test can
 * leave one out to show what it is good for; the product never does.
 */
export const WORKAROUNDS = [
  "no-public-stun",
  "forged-records",
  "replay-window",
  "ordered-handshake",
  "verified-handshake",
  "stun-integrity",
  "prompt-nomination",
  "missing-nomination",
  "native-key-exchange",
  "first-record-lost",
  "immediate-client-hello",
  "held-datagrams",
  "flight-retransmission",
  "malformed-sctp",
  "retransmission-timeout",
  "immediate-sack",
  "bundled-chunks",
  "direct-records",
  "in-place-packets",
  "in-order-chunks",
  "waiting-senders",
  "unbounded-transactions",
  "no-srtp",
  "ice-restart",
  "leaks",
] as const;

export type WorkaroundName = (typeof WORKAROUNDS)[number];

/** Tells which workarounds a peer uses. */
export type Uses = (name: WorkaroundName) => boolean;

export function usesOf({ without }: { without?: readonly string[] }): Uses {
  const left = new Set<string>(without);
  return (name) => !left.has(name);
}
