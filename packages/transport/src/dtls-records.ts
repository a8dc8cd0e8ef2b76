import type { RecordHeader } from "./werift-internals.js";

/** RFC 6347, section 4.1. */
export const RECORD_HEADER_BYTES = 13;
/** 2^14 + 2048 (RFC 5246, section 6.2.3): the most a protected fragment may hold. */
const MAX_FRAGMENT_BYTES = 18_432;

export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** One DTLS 1.2 record as it stands in a datagram. */
export interface DtlsRecord {
  header: RecordHeader;
  fragment: Buffer;
  /** The record with its header. */
  bytes: Buffer;
}

/** The records of a datagram; what is cut short, of another protocol, or of an unknown type ends the list. */
export function splitRecords(datagram: Buffer): DtlsRecord[] {
  const records: DtlsRecord[] = [];
  let start = 0;
  while (datagram.length - start > RECORD_HEADER_BYTES) {
    const contentType = datagram.readUInt8(start);
    const major = datagram.readUInt8(start + 1);
    const contentLen = datagram.readUInt16BE(start + 11);
    const end = start + RECORD_HEADER_BYTES + contentLen;
    if (contentType < 20 || contentType > 23 || major !== 0xfe) break;
    if (contentLen === 0 || contentLen > MAX_FRAGMENT_BYTES || end > datagram.length) break;
    records.push({
      header: {
        contentType,
        protocolVersion: { major, minor: datagram.readUInt8(start + 2) },
        epoch: datagram.readUInt16BE(start + 3),
        sequenceNumber: datagram.readUIntBE(start + 5, 6),
        contentLen,
      },
      fragment: datagram.subarray(start + RECORD_HEADER_BYTES, end),
      bytes: datagram.subarray(start, end),
    });
    start = end;
  }
  return records;
}

/** Writes the header that `contentLen` bytes of content follow. */
export function writeRecordHeader(record: Buffer, header: RecordHeader): void {
  record.writeUInt8(header.contentType, 0);
  record.writeUInt8(header.protocolVersion.major, 1);
  record.writeUInt8(header.protocolVersion.minor, 2);
  record.writeUInt16BE(header.epoch, 3);
  record.writeUIntBE(header.sequenceNumber, 5, 6);
  record.writeUInt16BE(header.contentLen, 11);
}

export function serializeRecord(header: RecordHeader, content: Buffer): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + content.length);
  writeRecordHeader(record, { ...header, contentLen: content.length });
  content.copy(record, RECORD_HEADER_BYTES);
  return record;
}
