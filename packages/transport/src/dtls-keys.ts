import { ContentType, type DtlsRecord, serializeRecord } from "./dtls-records.js";
import type { DtlsObject, RecordHeader } from "./werift-internals.js";

/** Explicit nonce and tag of AES-GCM (RFC 5288): a shorter fragment cannot be a protected one. */
const GCM_OVERHEAD_BYTES = 24;
const DTLS_1_2 = { major: 0xfe, minor: 0xfd };
/** werift numbers the sides of a session so. */
const SessionType = { client: 1, server: 2 } as const;

const additionalData = (header: RecordHeader) => ({
  type: header.contentType,
  version: (header.protocolVersion.major << 8) | header.protocolVersion.minor,
  epoch: header.epoch,
  sequenceNumber: header.sequenceNumber,
});

/** The plain content of a record of the other side, or undefined if it does not authenticate (or no keys exist yet). */
export function openRecord(dtls: DtlsObject, record: DtlsRecord): Buffer | undefined {
  return decrypt(dtls, dtls.sessionType, record);
}

/** The plain content of a record that this side protected itself. */
export function openOwnRecord(dtls: DtlsObject, record: DtlsRecord): Buffer | undefined {
  const other = dtls.sessionType === SessionType.client ? SessionType.server : SessionType.client;
  return decrypt(dtls, other, record);
}

function decrypt(dtls: DtlsObject, sessionType: number, { header, fragment }: DtlsRecord): Buffer | undefined {
  if (!dtls.cipher.cipher || fragment.length < GCM_OVERHEAD_BYTES) return undefined;
  try {
    return dtls.cipher.cipher.decrypt(sessionType, fragment, additionalData(header));
  } catch {
    return undefined; // It does not authenticate: whoever sent it, the record does not exist.
  }
}

/** A protected record of epoch 1 with the next record number of this side. */
export function sealRecord(dtls: DtlsObject, contentType: number, content: Buffer): Buffer {
  const header: RecordHeader = {
    contentType,
    protocolVersion: DTLS_1_2,
    epoch: 1,
    sequenceNumber: ++dtls.dtls.recordSequenceNumber,
    contentLen: content.length,
  };
  const fragment = dtls.cipher.cipher!.encrypt(dtls.sessionType, content, additionalData(header));
  return serializeRecord(header, fragment);
}

/** Warning, close_notify (RFC 5246, section 7.2.1). */
export function sealCloseNotify(dtls: DtlsObject): Buffer {
  return sealRecord(dtls, ContentType.alert, Buffer.from([1, 0]));
}
