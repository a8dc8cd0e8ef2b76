import { ContentType, type DtlsRecord } from "../dtls-records.js";

const FINISHED = 20;
/** Message type, 24-bit length, sequence, fragment offset and length (RFC 6347, section 4.2.2). */
const HANDSHAKE_HEADER_BYTES = 12;
/** The largest real message is a certificate; werift keeps fragments for ever, so what is absurd must not get there. */
const MAX_HANDSHAKE_BYTES = 16_384;

/**
 * Defect: werift acts upon plaintext records at any time. One forged 15-byte alert from any host closes the channel
 * while the state stays `connected`, a forged ClientHello throws the keys away, a forged plaintext Finished ends a
 * handshake. Plaintext is for the handshake alone, and there for handshake messages other than Finished.
 */
export function isAdmissiblePlaintext(record: DtlsRecord, isConnected: boolean): boolean {
  if (isConnected) return false;
  if (record.header.contentType === ContentType.changeCipherSpec) return true;
  return record.header.contentType === ContentType.handshake && isHandshakeWellFormed(record.fragment);
}

function isHandshakeWellFormed(fragment: Buffer): boolean {
  let start = 0;
  while (start < fragment.length) {
    if (fragment.length - start < HANDSHAKE_HEADER_BYTES) return false;
    const length = fragment.readUIntBE(start + 1, 3);
    const offset = fragment.readUIntBE(start + 6, 3);
    const size = fragment.readUIntBE(start + 9, 3);
    if (fragment.readUInt8(start) === FINISHED || length > MAX_HANDSHAKE_BYTES || offset + size > length) return false;
    start += HANDSHAKE_HEADER_BYTES + size;
  }
  return start === fragment.length;
}
