import { type Clock, createDelayWindow } from "@vigil/shared";
import { BULK_MARKERS_PER_WINDOW, BULK_WINDOW, MARKER_RETRY_MS } from "./limits.js";

/** Something with bulk to send. */
export interface BulkSender {
  /** Hands over one piece; `written(bytes)` follows when the socket has taken it. Never before this returns. */
  sendPiece(written: (bytes: number) => void): void;
}

/**
 * Keeps bulk on a connection from burying signs of life. What the kernel has taken cannot be overtaken, and while its
 * buffer is full Node's HTTP/2 does not read either (measured, 6 MB sent to a client at 1 MB/s: no PING answered for
 * 5 s, commands 2.4 s late). So the bytes that are on their way are bounded, and a PING behind them tells when they
 * have arrived: whoever answers it, the client or a proxy, it is the path's delay that counts.
 */
export interface BulkPacer {
  /** The sender has a piece ready, and none on its way to the socket. It takes its turn. */
  ready(sender: BulkSender): void;
  /** The sender has nothing to send any more. */
  leave(sender: BulkSender): void;
}

/** `mark` sends a PING and calls back when it was answered; false when it cannot be sent now. */
export function createBulkPacer(clock: Clock, mark: (answered: () => void) => boolean): BulkPacer {
  const waiting = new Set<BulkSender>();
  const window = createDelayWindow(BULK_WINDOW);
  let unmarked = 0;
  let fresh = false;
  let retrying = false;

  const run = () => {
    for (const sender of waiting) {
      if (!window.hasRoom) return;
      waiting.delete(sender);
      sender.sendPiece(written);
    }
  };
  const written = (bytes: number) => {
    // The first after a pause finds the path empty and measures its own delay.
    if (window.sent(bytes)) fresh = true;
    unmarked += bytes;
    if (fresh || unmarked >= window.bytes / BULK_MARKERS_PER_WINDOW) placeMarker();
    run();
  };
  const placeMarker = () => {
    if (retrying) return;
    const bytes = unmarked;
    const sentAt = clock.now();
    const wasFresh = fresh;
    if (mark(() => confirmed(bytes, clock.now() - sentAt, wasFresh))) {
      unmarked = 0;
      fresh = false;
      return;
    }
    retrying = true;
    clock.after(MARKER_RETRY_MS, () => {
      retrying = false;
      placeMarker();
    });
  };
  const confirmed = (bytes: number, delayMs: number, onEmptyPath: boolean) => {
    window.confirmed(bytes, delayMs, onEmptyPath);
    run();
  };

  return {
    ready(sender) {
      waiting.add(sender);
      run();
    },
    leave: (sender) => void waiting.delete(sender),
  };
}
