import { areParametersWellFormed, type RawChunk, splitChunks, withChunks } from "../sctp-chunks.js";
import { type Association, ChunkType } from "../werift-internals.js";

/**
 * How far ahead of the last in-order TSN a chunk may be. werift sorts everything behind a gap again for each chunk, so
 * this bounds its work; 2,048 full chunks are twice its receive window of 1 MiB.
 */
const MAX_TSN_AHEAD = 2048;
/** Fixed part of each chunk's body (RFC 9260, section 3.3; RFC 6525; RFC 3758). */
const MIN_BODY_BYTES: Record<number, number> = {
  [ChunkType.data]: 13,
  [ChunkType.init]: 16,
  [ChunkType.initAck]: 16,
  [ChunkType.sack]: 12,
  [ChunkType.shutdown]: 4,
  [ChunkType.forwardTsn]: 4,
};
const KNOWN = new Set<number>(Object.values(ChunkType));
/** Where a chunk's parameters start. */
const PARAMETERS_AT: Record<number, number> = {
  [ChunkType.init]: 16,
  [ChunkType.initAck]: 16,
  [ChunkType.heartbeat]: 0,
  [ChunkType.heartbeatAck]: 0,
  [ChunkType.abort]: 0,
  [ChunkType.error]: 0,
  [ChunkType.reconfig]: 0,
};
/** Outgoing reset, response, add streams (RFC 6525): the shortest value of each parameter that werift reads. */
const MIN_RECONFIG_VALUE_BYTES: Record<number, number> = { 13: 12, 16: 8, 17: 8 };
/** Top bit of a chunk type: an unknown chunk of that type is skipped rather than ending the packet. */
const SKIP_BIT = 0x80;

/** An SCTP packet, each chunk of which is well-formed. */
export interface AdmittedPacket {
  readonly datagram: Buffer;
  readonly chunks: readonly RawChunk[];
}

/**
 * Defect: werift trusts every length in an SCTP packet. A parameter of length 0 loops for ever, a wide gap block costs
 * seconds, a short chunk throws inside a promise that nobody holds, which ends the process. Only an authenticated peer
 * can send these, but one bad client must not stop the others' robots.
 *
 * @returns what to hand on, or undefined to drop it.
 */
export function checkSctp(association: Association, datagram: Buffer): AdmittedPacket | undefined {
  const chunks = splitChunks(datagram);
  if (!chunks) return undefined;
  const kept: RawChunk[] = [];
  for (const chunk of chunks) {
    if (!KNOWN.has(chunk.type)) {
      if (chunk.type & SKIP_BIT) continue;
      break;
    }
    if (!isWellFormed(chunk)) return undefined;
    if (isBearable(association, chunk)) kept.push(chunk);
  }
  if (kept.length === 0) return undefined;
  return { datagram: kept.length === chunks.length ? datagram : withChunks(datagram, kept), chunks: kept };
}

function isWellFormed({ type, body }: RawChunk): boolean {
  if (body.length < (MIN_BODY_BYTES[type] ?? 0)) return false;
  const parametersAt = PARAMETERS_AT[type];
  if (parametersAt !== undefined && !areParametersWellFormed(body.subarray(parametersAt))) return false;
  if (type === ChunkType.sack) return body.length === 12 + 4 * (body.readUInt16BE(8) + body.readUInt16BE(10));
  if (type === ChunkType.forwardTsn) return body.length % 4 === 0;
  if (type === ChunkType.reconfig) return isReconfigWellFormed(body);
  return true;
}

function isReconfigWellFormed(body: Buffer): boolean {
  for (let start = 0; start < body.length; ) {
    const length = body.readUInt16BE(start + 2);
    const valueBytes = length - 4;
    const least = MIN_RECONFIG_VALUE_BYTES[body.readUInt16BE(start)];
    if (least !== undefined && (valueBytes < least || valueBytes % 2 !== 0)) return false;
    start += (length + 3) & ~3;
  }
  return true;
}

/** Whether werift can take a well-formed chunk in its present state without undue work or memory. */
function isBearable(association: Association, { type, body }: RawChunk): boolean {
  if (type === ChunkType.data) {
    const ahead = (body.readUInt32BE(0) - (association.lastReceivedTsn ?? 0)) >>> 0;
    const isNew = ahead > 0 && ahead < 2 ** 31;
    return !isNew || ahead === 1 || (ahead <= MAX_TSN_AHEAD && association.advertisedRwnd >= body.length);
  }
  if (type === ChunkType.sack) {
    const outstanding = (association.localTsn - body.readUInt32BE(0)) >>> 0;
    if (outstanding >= 2 ** 31) return false;
    return gapsAreOrdered(body, outstanding);
  }
  return true;
}

/** Each block after the one before it, none beyond what was ever sent: the sum of their sizes is then bounded too. */
function gapsAreOrdered(body: Buffer, outstanding: number): boolean {
  let previous = 0;
  for (let i = 0; i < body.readUInt16BE(8); i++) {
    const start = body.readUInt16BE(12 + 4 * i);
    const end = body.readUInt16BE(14 + 4 * i);
    if (start <= previous || end < start || end > outstanding) return false;
    previous = end;
  }
  return true;
}
