export interface DelayWindowLimits {
  /** Bytes that may always be on their way, or nothing would flow. */
  readonly leastBytes: number;
  readonly firstBytes: number;
  readonly mostBytes: number;
  /** The pace at which bytes are sent, where it is bounded: more than fit into the path at this pace only wait. */
  readonly bytesPerMs?: number;
  /** Delay added to the path, in ms, below which the window grows. */
  readonly lowMs: number;
  /** Delay added to the path, in ms, above which it shrinks. */
  readonly highMs: number;
}

/**
 * How many bytes of bulk may be on their way unconfirmed, found from the delay that they add to a path, as LEDBAT
 * (RFC 6817) does: what has been handed to a network or a kernel cannot be overtaken any more.
 */
export interface DelayWindow {
  readonly bytes: number;
  readonly hasRoom: boolean;
  /** @returns whether nothing was on its way: the confirmation of these bytes tells the path's own delay. */
  sent(bytes: number): boolean;
  /** @param onEmptyPath what `sent` returned for them */
  confirmed(bytes: number, delayMs: number, onEmptyPath: boolean): void;
}

export function createDelayWindow({
  leastBytes,
  firstBytes,
  mostBytes,
  bytesPerMs = Number.POSITIVE_INFINITY,
  lowMs,
  highMs,
}: DelayWindowLimits): DelayWindow {
  let windowBytes = firstBytes;
  let unconfirmed = 0;
  /** The path's own delay: the least seen since it was last found empty. */
  let baseMs = Number.POSITIVE_INFINITY;
  return {
    get bytes() {
      return windowBytes;
    },
    get hasRoom() {
      return unconfirmed < windowBytes;
    },
    sent(bytes) {
      const wasEmpty = unconfirmed === 0;
      unconfirmed += bytes;
      return wasEmpty;
    },
    confirmed(bytes, delayMs, onEmptyPath) {
      unconfirmed -= bytes;
      baseMs = onEmptyPath ? delayMs : Math.min(baseMs, delayMs);
      const addedMs = delayMs - baseMs;
      // A quarter of a window more each round trip, or half a window less.
      const usefulBytes = Math.max(leastBytes, Math.min(mostBytes, bytesPerMs * (baseMs + lowMs)));
      if (addedMs < lowMs) windowBytes = Math.min(usefulBytes, windowBytes + bytes / 4);
      else if (addedMs > highMs) windowBytes = Math.max(leastBytes, windowBytes - bytes / 2);
    },
  };
}
