import type { Metadata } from "./call.js";
import { firstValue, withMetadata } from "./metadata.js";

/** Metadata key of a deadline in gRPC over HTTP/2; Python's comes by it on the data channel as well (viam-wire.md). */
export const GRPC_TIMEOUT_KEY = "grpc-timeout";

/** Longest deadline that is kept, 24.8 days: Node's timers fire at once beyond 2^31 - 1 ms. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * The value of a `grpc-timeout` in ms: at most eight digits and a unit (H, M, S, m, u, n), as in "100m" or "2S".
 * Undefined for anything else.
 */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return undefined;
  return Math.min(Number(match[1]) * UNITS_MS[match[2]!]!, MAX_TIMEOUT_MS);
}

/** A deadline as `grpc-timeout` text, rounded up to what eight digits can say. */
export function formatGrpcTimeout(timeoutMs: number): string {
  if (!(timeoutMs > 0)) return "0n";
  if (timeoutMs < 100) return `${Math.ceil(timeoutMs * 1e6)}n`;
  if (timeoutMs < 99_999) return `${Math.ceil(timeoutMs * 1000)}u`;
  if (timeoutMs <= 99_999_999) return `${Math.ceil(timeoutMs)}m`;
  return `${Math.ceil(Math.min(timeoutMs, MAX_TIMEOUT_MS) / 1000)}S`;
}

/**
 * Takes the deadline out of `metadata`: the sooner of it and `headerMs` (the deadline of the frame, if it has one).
 * It is taken out, not only read, so that a relay states the deadline once and in its own carrier's way.
 */
export function takeTimeout(
  metadata: Metadata,
  headerMs: number | undefined,
): { metadata: Metadata; timeoutMs: number | undefined } {
  const text = firstValue(metadata, GRPC_TIMEOUT_KEY);
  if (text === undefined) return { metadata, timeoutMs: headerMs };
  const parsed = parseGrpcTimeout(text);
  const timeoutMs = parsed === undefined || headerMs === undefined ? (parsed ?? headerMs) : Math.min(parsed, headerMs);
  return { metadata: withMetadata(metadata, { [GRPC_TIMEOUT_KEY]: undefined }), timeoutMs };
}
