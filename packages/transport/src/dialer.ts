import { VigilError } from "@vigil/shared";
import type { RTCPeerConnection } from "werift";
import type { Peer, PeerOptions, SessionDescription, TransportDeps } from "./peer.js";
import { sanitizeRemoteSdp } from "./remote-description.js";
import { localDescription } from "./renegotiation.js";
import { createWeriftPeer } from "./werift-peer.js";

/** Dials an answerer: the part's end of a link. */
export interface Dialer {
  readonly peers: ReadonlySet<Peer>;
  /**
   * Sends an offer through `exchange`, which returns the answer, and resolves once both channels are open. Messages
   * that come before the first listener are kept for it.
   *
   * @throws VigilError `deadline` if it does not open in time, `shutting_down` after `close`; what `exchange` throws.
   */
  dial(exchange: (offer: SessionDescription) => Promise<SessionDescription>): Promise<Peer>;
  close(): Promise<void>;
}

export function createDialer(deps: TransportDeps, options: PeerOptions = {}): Dialer {
  const peers = new Set<Peer>();
  let isClosed = false;
  return {
    peers,
    async dial(exchange) {
      if (isClosed) throw new VigilError("shutting_down", "this end is shutting down and dials no more");
      const { peer, connection, fail } = createWeriftPeer(deps, options, () => peers.delete(peer));
      peers.add(peer);
      const opened = new Promise<void>((resolve, reject) => {
        peer.on("open", () => resolve());
        peer.on("closed", ({ cause }) =>
          reject(
            new VigilError("deadline", `the connection did not open (${cause}): check that UDP passes, dial again`),
          ),
        );
      });
      try {
        const negotiated = negotiate(connection, exchange);
        await Promise.all([negotiated, opened]);
        return peer;
      } catch (error) {
        fail(error);
        throw error;
      }
    },
    async close() {
      isClosed = true;
      await Promise.all([...peers].map((peer) => peer.close()));
    },
  };
}

/** One round of offer and answer, ours the offer. */
export async function negotiate(
  connection: RTCPeerConnection,
  exchange: (offer: SessionDescription) => Promise<SessionDescription>,
): Promise<void> {
  await connection.setLocalDescription(await connection.createOffer());
  const answer = await exchange(localDescription(connection, "offer"));
  await connection.setRemoteDescription({ type: "answer", sdp: sanitizeRemoteSdp(answer.sdp) });
}
