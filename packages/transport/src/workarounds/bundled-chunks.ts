import type { Association, OutgoingChunk } from "../werift-internals.js";
import { ChunkType } from "../werift-internals.js";

/** werift's own limit of an SCTP packet (DEFAULT_SCTP_MTU) without the common header. */
const MAX_CHUNK_BYTES = 1191 - 12;
/** Chunks that may share a packet. INIT must not (RFC 9260, section 3); ends and challenges must not wait. */
const BUNDLED = new Set<number>([ChunkType.data, ChunkType.sack, ChunkType.heartbeatAck, ChunkType.forwardTsn]);

/**
 * Defect: werift sends one UDP packet per chunk and one acknowledgement per packet; at 1,000 messages a second that is
 * most of its work. What a received packet gives rise to shares packets, so that an acknowledgement travels with the
 * answer. Else the first chunk of a loop turn leaves at once, so that a lone message loses no time and fast
 * retransmission keeps its packets; those that follow in the same turn share packets. Control chunks come before
 * DATA, or libdatachannel stalls, and of several acknowledgements only the last, which says it all, is sent.
 */
export interface ChunkBundle {
  /** Encloses the handling of one received packet. */
  during(handling: () => Promise<void>): Promise<void>;
}

export function bundleChunks(association: Association): ChunkBundle {
  const sendChunk = association.sendChunk.bind(association);
  let isTurnOpen = false;
  let handlings = 0;
  let control: Buffer[] = [];
  let sack: Buffer | undefined;
  let data: Buffer[] = [];

  /** Sends all that waits, in this very turn: packets that were overtaken would look like losses to the other side. */
  const flush = async () => {
    const waiting = [...(sack ? [sack] : []), ...control, ...data];
    control = [];
    sack = undefined;
    data = [];
    await Promise.all(
      packetsOf(waiting).map((parts) => sendChunk({ type: parts[0]![0]!, bytes: Buffer.concat(parts) })),
    );
  };

  // An association that closed meanwhile has nothing more to say.
  const onClosed = () => association.outboundQueue.splice(0);

  association.sendChunk = (chunk: OutgoingChunk) => {
    if (!BUNDLED.has(chunk.type)) return sendChunk(chunk);
    if (!isTurnOpen) {
      isTurnOpen = true;
      setImmediate(() => {
        isTurnOpen = false;
        flush().catch(onClosed);
      });
      if (handlings === 0) return sendChunk(chunk);
    }
    if (chunk.type === ChunkType.sack) sack = chunk.bytes;
    else (chunk.type === ChunkType.data ? data : control).push(chunk.bytes);
    return Promise.resolve();
  };

  return {
    async during(handling) {
      handlings++;
      try {
        await handling();
      } finally {
        // A lone acknowledgement waits for the end of the turn, when it speaks for all packets of that turn.
        if (--handlings === 0 && data.length > 0) await flush().catch(onClosed);
      }
    },
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
