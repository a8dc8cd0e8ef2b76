import { isChecksumRight, type RawChunk, readParameters, verificationTagOf } from "../sctp-chunks.js";
import {
  type Association,
  ChunkType,
  type DataChunk,
  type IncomingChunk,
  type SackChunk,
} from "../werift-internals.js";
import type { AdmittedPacket } from "./malformed-sctp.js";

/** All that an open association receives, but for its end. */
const DECODERS: Readonly<Record<number, (chunk: RawChunk) => IncomingChunk>> = {
  [ChunkType.data]: ({ type, flags, body }): DataChunk => ({
    type,
    flags,
    tsn: body.readUInt32BE(0),
    streamId: body.readUInt16BE(4),
    streamSeqNum: body.readUInt16BE(6),
    protocol: body.readUInt32BE(8),
    userData: body.subarray(12),
  }),
  [ChunkType.sack]: ({ type, flags, body }): SackChunk => ({
    type,
    flags,
    cumulativeTsn: body.readUInt32BE(0),
    advertisedRwnd: body.readUInt32BE(4),
    gaps: Array.from({ length: body.readUInt16BE(8) }, (_, index) => [
      body.readUInt16BE(12 + 4 * index),
      body.readUInt16BE(14 + 4 * index),
    ]),
    duplicates: [], // werift reads them and makes nothing of them.
  }),
  [ChunkType.heartbeat]: withParameters,
  [ChunkType.heartbeatAck]: withParameters,
};

function withParameters({ type, flags, body }: RawChunk): IncomingChunk {
  return { type, flags, params: readParameters(body) };
}

/**
 * Defect: werift copies each received packet twice to check it, makes an object of a class with a dozen fields for each
 * chunk, and waits for a promise after each. Packets of DATA, SACK and challenges are read where they lie, in one turn;
 * any other packet goes werift's way.
 *
 * @returns what takes a packet. What goes wrong with one is told to `onError`.
 */
export function readPacketsInPlace(
  association: Association,
  onError: (error: unknown) => void,
): (packet: AdmittedPacket) => void {
  return ({ datagram, chunks }) => {
    if (association.isStopped) return;
    if (!chunks.every(({ type }) => type in DECODERS)) {
      association.handleData(datagram).catch(onError);
      return;
    }
    if (verificationTagOf(datagram) !== association.localVerificationTag || !isChecksumRight(datagram)) return;
    association.sackHasNewDataInPacket = false;
    for (const chunk of chunks) association.receiveChunk(DECODERS[chunk.type]!(chunk)).catch(onError);
    if (association.sackNeeded) association.scheduleSack().catch(onError);
  };
}
