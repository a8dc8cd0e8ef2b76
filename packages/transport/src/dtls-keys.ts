import { createCipheriv, createDecipheriv } from "node:crypto";
import { ContentType, type DtlsRecord, RECORD_HEADER_BYTES, writeRecordHeader } from "./dtls-records.js";
import type { DtlsObject, RecordHeader } from "./werift-internals.js";

/** AES-GCM in DTLS 1.2 (RFC 5288): the nonce is a secret part and one that stands in the record, its record number. */
const IMPLICIT_NONCE_BYTES = 4;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;
const GCM_OVERHEAD_BYTES = EXPLICIT_NONCE_BYTES + TAG_BYTES;
const GCM = { authTagLength: TAG_BYTES } as const;
/** Record number, type, version and length of the plain content (RFC 5246, section 6.2.3.3). */
const ADDITIONAL_BYTES = 13;
const DTLS_1_2 = { major: 0xfe, minor: 0xfd };
/** werift numbers the sides of a session so. */
const SessionType = { client: 1, server: 2 } as const;

/** What one side protects its records with. All suites of werift's are AES-GCM. */
interface WriteKeys {
  readonly algorithm: "aes-128-gcm" | "aes-256-gcm";
  readonly key: Buffer;
  readonly implicitNonce: Buffer;
}

function keysOf({ cipher: { cipher } }: DtlsObject, side: number): WriteKeys | undefined {
  if (!cipher) return undefined;
  const isClient = side === SessionType.client;
  const key = isClient ? cipher.clientWriteKey : cipher.serverWriteKey;
  const nonce = isClient ? cipher.clientNonce : cipher.serverNonce;
  if (!key || !nonce) return undefined;
  return {
    algorithm: cipher.blockAlgorithm as WriteKeys["algorithm"],
    key,
    implicitNonce: nonce.subarray(0, IMPLICIT_NONCE_BYTES),
  };
}

/** The plain content of a record of the other side, or undefined if it does not authenticate (or no keys exist yet). */
export function openRecord(dtls: DtlsObject, record: DtlsRecord): Buffer | undefined {
  return open(keysOf(dtls, otherSide(dtls.sessionType)), record);
}

/** The plain content of a record that this side protected itself. */
export function openOwnRecord(dtls: DtlsObject, record: DtlsRecord): Buffer | undefined {
  return open(keysOf(dtls, dtls.sessionType), record);
}

const otherSide = (side: number) => (side === SessionType.client ? SessionType.server : SessionType.client);

function open(keys: WriteKeys | undefined, { header, fragment }: DtlsRecord): Buffer | undefined {
  if (!keys || fragment.length < GCM_OVERHEAD_BYTES) return undefined;
  const length = fragment.length - GCM_OVERHEAD_BYTES;
  const decipher = createDecipheriv(keys.algorithm, keys.key, nonceOf(keys, fragment, 0), GCM);
  decipher.setAuthTag(fragment.subarray(EXPLICIT_NONCE_BYTES + length));
  decipher.setAAD(additionalData(header, length));
  const content = decipher.update(fragment.subarray(EXPLICIT_NONCE_BYTES, EXPLICIT_NONCE_BYTES + length));
  try {
    decipher.final();
    return content;
  } catch {
    return undefined; // It does not authenticate: whoever sent it, the record does not exist.
  }
}

/** The nonce whose explicit part stands in `bytes`. */
function nonceOf({ implicitNonce }: WriteKeys, bytes: Buffer, explicitAt: number): Buffer {
  const nonce = Buffer.allocUnsafe(IMPLICIT_NONCE_BYTES + EXPLICIT_NONCE_BYTES);
  implicitNonce.copy(nonce);
  bytes.copy(nonce, IMPLICIT_NONCE_BYTES, explicitAt, explicitAt + EXPLICIT_NONCE_BYTES);
  return nonce;
}

function additionalData({ contentType, protocolVersion, epoch, sequenceNumber }: RecordHeader, length: number): Buffer {
  const data = Buffer.allocUnsafe(ADDITIONAL_BYTES);
  data.writeUInt16BE(epoch, 0);
  data.writeUIntBE(sequenceNumber, 2, 6);
  data.writeUInt8(contentType, 8);
  data.writeUInt8(protocolVersion.major, 9);
  data.writeUInt8(protocolVersion.minor, 10);
  data.writeUInt16BE(length, 11);
  return data;
}

/**
 * A protected record of epoch 1 with the next record number of this side.
 * @throws Error if no keys exist yet.
 */
export function sealRecord(dtls: DtlsObject, contentType: number, content: Buffer): Buffer {
  const keys = keysOf(dtls, dtls.sessionType);
  if (!keys) throw new Error("no keys yet: the handshake is not over");
  const header: RecordHeader = {
    contentType,
    protocolVersion: DTLS_1_2,
    epoch: 1,
    sequenceNumber: ++dtls.dtls.recordSequenceNumber,
    contentLen: content.length + GCM_OVERHEAD_BYTES,
  };
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + header.contentLen);
  writeRecordHeader(record, header);
  const explicitAt = RECORD_HEADER_BYTES;
  record.writeUInt16BE(header.epoch, explicitAt);
  record.writeUIntBE(header.sequenceNumber, explicitAt + 2, 6);
  const cipher = createCipheriv(keys.algorithm, keys.key, nonceOf(keys, record, explicitAt), GCM);
  cipher.setAAD(additionalData(header, content.length));
  const contentAt = explicitAt + EXPLICIT_NONCE_BYTES;
  cipher.update(content).copy(record, contentAt);
  cipher.final();
  cipher.getAuthTag().copy(record, contentAt + content.length);
  return record;
}

/** Warning, close_notify (RFC 5246, section 7.2.1). */
export function sealCloseNotify(dtls: DtlsObject): Buffer {
  return sealRecord(dtls, ContentType.alert, Buffer.from([1, 0]));
}
