import { ContentType, splitRecords } from "../dtls-records.js";
import type { DtlsObject } from "../werift-internals.js";

/** More records than a handshake has, retransmissions included. */
const SKIPPED_RECORDS = 64;

/**
 * Defect: Finished leaves in epoch 1 under epoch 0's record number, then the counter starts again at 0. The record that
 * reaches that number again is dropped as a replay (the first call then takes 1 s), and it is encrypted under a nonce
 * that was used before. Moving the counter ahead as soon as Finished leaves cures both.
 */
export function skipUsedRecordNumbers(dtls: DtlsObject): void {
  const send = dtls.transport.send;
  dtls.transport.send = (record, address) => {
    if (record[0] === ContentType.applicationData) return send(record, address);
    for (const { header } of splitRecords(record)) {
      if (header.epoch !== 1 || header.contentType !== ContentType.handshake) continue;
      const context = dtls.dtls;
      context.recordSequenceNumber = Math.max(context.recordSequenceNumber, header.sequenceNumber + SKIPPED_RECORDS);
    }
    return send(record, address);
  };
}
