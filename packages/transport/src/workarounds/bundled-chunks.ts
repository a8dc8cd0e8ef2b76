import type { Clock, Timer } from "@vigil/shared";
import { type Association, ChunkType, type OutgoingChunk } from "../werift-internals.js";

/** werift's own limit of an SCTP packet (DEFAULT_SCTP_MTU) without the common header. */
const MAX_CHUNK_BYTES = 1191 - 12;
/** Chunks that may share a packet. INIT must not (RFC 9260, section 3); ends and challenges must not wait. */
const BUNDLED = new Set<number>([ChunkType.data, ChunkType.sack, ChunkType.heartbeatAck, ChunkType.forwardTsn]);
/**
 * How long an acknowledgement waits for an answer to travel with. RFC 9260, section 6.2, allows 200 ms; an answer from a
 * part is there within 2 (measured), and the other side's clock of round trips should not notice.
 */
const MAX_SACK_DELAY_MS = 2;
/**
 * Packets received that may go without an acknowledgement: a request is two of them. Who sends a lot (a window full of
 * bulk) hears at each third.
 */
const MAX_UNACKNOWLEDGED_PACKETS = 2;

/**
 * Defect: werift sends one UDP packet per chunk and one acknowledgement per packet; at 1,000 messages a second that is
 * most of its work, and wakes the other side as often. What a turn of the event loop gives rise to shares packets: the
 * acknowledgement travels with the answer, and an answer's header, message and trailers together. At low rates a message
 * still has a packet of its own, which fast retransmission wants. Control chunks come before DATA, or libdatachannel
 * stalls, and of several acknowledgements only the last, which says it all, is made.
 */
export function bundleChunks(clock: Clock, association: Association): void {
  const sendChunk = association.sendChunk.bind(association);
  let isTurnOpen = false;
  let unacknowledgedPackets = 0;
  let isSackUrgent = false;
  let sackDelay: Timer | undefined;
  let sack: Buffer | undefined;
  let control: Buffer[] = [];
  let data: Buffer[] = [];

  /** Sends all that waits, in this very turn: packets that were overtaken would look like losses to the other side. */
  const flush = () => {
    isTurnOpen = false;
    if (data.length > 0 || isSackUrgent) makeSack();
    const waiting = [...(sack ? [sack] : []), ...control, ...data];
    sack = undefined;
    control = [];
    data = [];
    for (const parts of packetsOf(waiting)) {
      const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      sendChunk({ type: bytes[0]!, bytes }).catch(onClosed);
    }
  };
  const openTurn = () => {
    if (isTurnOpen) return;
    isTurnOpen = true;
    setImmediate(flush);
  };
  const makeSack = () => {
    sackDelay?.cancel();
    sackDelay = undefined;
    isSackUrgent = false;
    if (unacknowledgedPackets === 0) return;
    unacknowledgedPackets = 0;
    association.sendSack().catch(onClosed);
  };
  const demandSack = () => {
    isSackUrgent = true;
    openTurn();
  };

  // An association that closed meanwhile has nothing more to say.
  const onClosed = () => association.outboundQueue.splice(0);

  association.scheduleSack = () => {
    unacknowledgedPackets++;
    const hasGap = association.sackMisOrdered.size > 0 || association.sackDuplicates.length > 0;
    if (hasGap || unacknowledgedPackets > MAX_UNACKNOWLEDGED_PACKETS) demandSack();
    else sackDelay ??= clock.after(MAX_SACK_DELAY_MS, demandSack);
    return Promise.resolve();
  };

  association.sendChunk = (chunk: OutgoingChunk) => {
    if (!BUNDLED.has(chunk.type)) return sendChunk(chunk);
    if (chunk.type === ChunkType.sack) sack = chunk.bytes;
    else {
      (chunk.type === ChunkType.data ? data : control).push(chunk.bytes);
      openTurn();
    }
    return Promise.resolve();
  };
}

function packetsOf(chunks: readonly Buffer[]): Buffer[][] {
  const packets: Buffer[][] = [];
  let room = 0;
  for (const bytes of chunks) {
    if (bytes.length > room || packets.length === 0) {
      packets.push([]);
      room = MAX_CHUNK_BYTES;
    }
    packets.at(-1)!.push(bytes);
    room -= bytes.length;
  }
  return packets;
}
