import type { Clock } from "@vigil/shared";
import type { Challenges } from "./challenges.js";
import type { Evidence } from "./peer.js";
import { createHeartbeat, heartbeatInfo } from "./sctp-chunks.js";
import { type Association, AssociationState, ChunkType } from "./werift-internals.js";

export interface AssociationEvents {
  onEvidence(evidence: Evidence): void;
  onAbort(): void;
  onShutdown(): void;
}

/**
 * Watches what an association receives for signs of life and for definite ends. It sees chunks only after DTLS has
 * authenticated them and the verification tag has matched.
 */
export function watchAssociation(
  { clock, challenges }: { clock: Clock; challenges: Challenges },
  association: Association,
  events: AssociationEvents,
): void {
  const receiveChunk = association.receiveChunk.bind(association);
  association.receiveChunk = async (chunk) => {
    switch (chunk.type) {
      case ChunkType.data:
        if (association.associationState === AssociationState.established && isNewTsn(association, chunk.tsn!)) {
          events.onEvidence({ kind: "application", atMs: clock.now() });
        }
        break;
      case ChunkType.heartbeatAck: {
        const info = heartbeatInfo(chunk.params);
        const atMs = info && challenges.redeem(info);
        if (atMs !== undefined) events.onEvidence({ kind: "transport", atMs });
        return;
      }
      case ChunkType.abort:
        events.onAbort();
        return;
      case ChunkType.shutdown:
        await receiveChunk(chunk); // Its acknowledgement leaves before everything is torn down.
        events.onShutdown();
        return;
      case ChunkType.init:
        // A restart of a living association (RFC 9260, section 5.2.2) is never what a WebRTC client does.
        if (association.associationState === AssociationState.established) return;
    }
    await receiveChunk(chunk);
  };
}

/** Serial arithmetic as in RFC 1982: a TSN neither acknowledged nor waiting behind a gap. */
function isNewTsn({ lastReceivedTsn, sackMisOrdered }: Association, tsn: number): boolean {
  const ahead = (tsn - (lastReceivedTsn ?? 0)) >>> 0;
  return ahead > 0 && ahead < 2 ** 31 && !sackMisOrdered.has(tsn);
}

/** Sends one challenge. An association that cannot send now just goes without an answer. */
export function sendChallenge(
  association: Association,
  challenges: Challenges,
  onError: (error: unknown) => void,
): void {
  association.sendChunk(createHeartbeat(challenges.issue())).catch(onError);
}
