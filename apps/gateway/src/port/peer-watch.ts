import type { Clock } from "@vigil/shared";
import { PEER_CHECK_MS, PEER_SILENCE_MS } from "./limits.js";

export interface PeerWatchOptions {
  /** Sends a PING and calls back when it was answered; false when it cannot be sent now. */
  readonly ping: (answered: () => void) => boolean;
  /** Whether a session of a client of its own may live on the connection, whose end is decided elsewhere. */
  readonly patient: () => boolean;
  readonly onSilence: () => void;
}

/**
 * Finds HTTP/2 connections that are dead although TCP does not say so; returns the function that ends the watch. Two
 * kinds are known: a cut cable with data under way, which TCP repeats for 15 minutes, and a client that broke the
 * protocol: nghttp2 then says GOAWAY by itself and reads no more, not even the FIN, and Node 20 tells nobody (measured).
 */
export function watchPeer(clock: Clock, options: PeerWatchOptions): () => void {
  let waitingSince: number | undefined;
  const answered = () => {
    waitingSince = undefined;
  };
  const check = () => {
    if (waitingSince !== undefined) {
      const limitMs = options.patient() ? PEER_SILENCE_MS.client : PEER_SILENCE_MS.other;
      if (clock.now() - waitingSince >= limitMs) return options.onSilence();
    } else if (options.ping(answered)) {
      waitingSince = clock.now();
    }
    timer = clock.after(PEER_CHECK_MS, check);
  };
  let timer = clock.after(PEER_CHECK_MS, check);
  return () => timer.cancel();
}
