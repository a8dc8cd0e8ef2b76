import { VigilError } from "@vigil/shared";
import type { Peer, PeerOptions, SessionDescription, TransportDeps } from "./peer.js";
import { answerOffer } from "./renegotiation.js";
import { createWeriftPeer } from "./werift-peer.js";

/** Answers offers of clients: one peer each. */
export interface Answerer {
  /** Peers that hold sockets: those not closed, and those that linger. */
  readonly peers: ReadonlySet<Peer>;
  /**
   * Resolves when the answer is complete, all candidates in it; the peer is then `connecting`.
   *
   * @throws VigilError `bad_request` if the offer cannot be answered, `limit` if no UDP port could be bound,
   *   `shutting_down` after `close`.
   */
  answer(offer: SessionDescription): Promise<{ answer: SessionDescription; peer: Peer }>;
  /** Closes every peer. */
  close(): Promise<void>;
}

export function createAnswerer(deps: TransportDeps, options: PeerOptions = {}): Answerer {
  const peers = new Set<Peer>();
  let isClosed = false;
  return {
    peers,
    async answer(offer) {
      if (isClosed) throw new VigilError("shutting_down", "the gateway is shutting down: dial again later");
      const { peer, connection, fail } = createWeriftPeer(deps, options, () => peers.delete(peer));
      peers.add(peer);
      try {
        const answer = await answerOffer(connection, offer);
        if (!/^a=candidate:/m.test(answer.sdp)) throw noCandidates();
        return { answer, peer };
      } catch (error) {
        fail(error);
        if (error instanceof VigilError) throw error;
        throw new VigilError("bad_request", `this offer cannot be answered: ${(error as Error).message}`, {
          cause: error,
        });
      }
    },
    async close() {
      isClosed = true;
      await Promise.all([...peers].map((peer) => peer.close()));
    },
  };
}

const noCandidates = () =>
  new VigilError("limit", "no UDP port could be bound: widen webrtc.udp_ports or check webrtc.host_addresses");
