import { type Association, ChunkType } from "../werift-internals.js";

/** SACK-IMMEDIATELY (RFC 7053). */
const I_BIT = 0x08;

/**
 * Defect: werift never sets the I bit, so receivers hold back the acknowledgement of a lone message for up to 200 ms,
 * which the sender then measures as round-trip time. It is set on the last chunk of what waits, as RFC 7053 suggests.
 */
export function askForImmediateSack(association: Association): void {
  const sendChunk = association.sendChunk.bind(association);
  association.sendChunk = (chunk) => {
    if (chunk.type === ChunkType.data && association.outboundQueue.length === 0)
      chunk.flags = (chunk.flags ?? 0) | I_BIT;
    return sendChunk(chunk);
  };
}
