import { crc32c } from "werift";
import { ChunkType, type OutgoingChunk } from "./werift-internals.js";

const COMMON_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 4;
const CHECKSUM_AT = 8;
/** RFC 9260, section 3.3.5: the only parameter of a HEARTBEAT. */
const HEARTBEAT_INFO = 1;

const padded = (length: number) => (length + 3) & ~3;

/** A chunk of our own making: header, body, padding. */
export function createChunk(type: number, flags: number, body: Buffer): OutgoingChunk {
  const length = CHUNK_HEADER_BYTES + body.length;
  const bytes = Buffer.alloc(padded(length));
  bytes.writeUInt8(type, 0);
  bytes.writeUInt8(flags, 1);
  bytes.writeUInt16BE(length, 2);
  body.copy(bytes, CHUNK_HEADER_BYTES);
  return { type, flags, bytes };
}

export function createHeartbeat(info: Uint8Array): OutgoingChunk {
  const parameter = Buffer.alloc(4 + info.length);
  parameter.writeUInt16BE(HEARTBEAT_INFO, 0);
  parameter.writeUInt16BE(parameter.length, 2);
  parameter.set(info, 4);
  return createChunk(ChunkType.heartbeat, 0, parameter);
}

export function createAbort(): OutgoingChunk {
  return createChunk(ChunkType.abort, 0, Buffer.alloc(0));
}

/** One SCTP datagram with a chunk, or with several that follow each other; each whole and padded. */
export function createPacket(
  { localPort, remotePort, verificationTag }: { localPort: number; remotePort: number; verificationTag: number },
  chunks: Buffer,
): Buffer {
  const packet = Buffer.allocUnsafe(COMMON_HEADER_BYTES + chunks.length);
  packet.writeUInt16BE(localPort, 0);
  packet.writeUInt16BE(remotePort, 2);
  packet.writeUInt32BE(verificationTag, 4);
  packet.writeUInt32LE(0, CHECKSUM_AT);
  chunks.copy(packet, COMMON_HEADER_BYTES);
  packet.writeUInt32LE(crc32c(packet), CHECKSUM_AT);
  return packet;
}

/** Ports are not looked at: DTLS has authenticated the datagram, and it carries one association. */
export function verificationTagOf(datagram: Buffer): number {
  return datagram.readUInt32BE(4);
}

/** Whether the checksum matches. The datagram is written to meanwhile, and is as it was afterwards. */
export function isChecksumRight(datagram: Buffer): boolean {
  const checksum = datagram.readUInt32LE(CHECKSUM_AT);
  datagram.writeUInt32LE(0, CHECKSUM_AT);
  const computed = crc32c(datagram);
  datagram.writeUInt32LE(checksum, CHECKSUM_AT);
  return computed === checksum;
}

/** The info of a HEARTBEAT ACK, from its decoded parameters. */
export function heartbeatInfo(params: readonly [number, Buffer][] | undefined): Buffer | undefined {
  return params?.find(([type]) => type === HEARTBEAT_INFO)?.[1];
}

/** A chunk inside a received datagram: `body` without header and padding. */
export interface RawChunk {
  type: number;
  flags: number;
  body: Buffer;
  /** Where its header starts and its padding ends in the datagram. */
  start: number;
  end: number;
}

/** The chunks of an SCTP datagram, or undefined if lengths do not add up. Reads nothing beyond what it was given. */
export function splitChunks(datagram: Buffer): RawChunk[] | undefined {
  if (datagram.length < COMMON_HEADER_BYTES + CHUNK_HEADER_BYTES) return undefined;
  const chunks: RawChunk[] = [];
  let start = COMMON_HEADER_BYTES;
  while (start < datagram.length) {
    if (datagram.length - start < CHUNK_HEADER_BYTES) return undefined;
    const length = datagram.readUInt16BE(start + 2);
    if (length < CHUNK_HEADER_BYTES || start + length > datagram.length) return undefined;
    const end = Math.min(start + padded(length), datagram.length);
    chunks.push({
      type: datagram.readUInt8(start),
      flags: datagram.readUInt8(start + 1),
      body: datagram.subarray(start + CHUNK_HEADER_BYTES, start + length),
      start,
      end,
    });
    start = end;
  }
  return chunks;
}

/** The same datagram with other chunks, its checksum made anew. */
export function withChunks(datagram: Buffer, chunks: readonly RawChunk[]): Buffer {
  const packet = Buffer.concat([
    datagram.subarray(0, COMMON_HEADER_BYTES),
    ...chunks.map(({ start, end }) => datagram.subarray(start, end)),
  ]);
  packet.writeUInt32LE(0, CHECKSUM_AT);
  packet.writeUInt32LE(crc32c(packet), CHECKSUM_AT);
  return packet;
}

/** The type-length-value parameters of a body that is well-formed. */
export function readParameters(body: Buffer): [number, Buffer][] {
  const parameters: [number, Buffer][] = [];
  for (let start = 0; start < body.length; ) {
    const length = body.readUInt16BE(start + 2);
    parameters.push([body.readUInt16BE(start), body.subarray(start + 4, start + length)]);
    start += padded(length);
  }
  return parameters;
}

/** Whether type-length-value parameters fill a body exactly (padding of the last may be missing). */
export function areParametersWellFormed(body: Buffer): boolean {
  let start = 0;
  while (start < body.length) {
    if (body.length - start < 4) return false;
    const length = body.readUInt16BE(start + 2);
    if (length < 4 || start + length > body.length) return false;
    start += padded(length);
  }
  return true;
}
