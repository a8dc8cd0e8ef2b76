import { openRecord } from "./dtls-keys.js";
import { ContentType, type DtlsRecord, splitRecords } from "./dtls-records.js";
import type { DtlsObject, DtlsTransport } from "./werift-internals.js";
import { isAdmissiblePlaintext } from "./workarounds/forged-records.js";
import type { Uses } from "./workarounds/names.js";
import { createOrderedHandshake } from "./workarounds/ordered-handshake.js";
import { createReplayWindow } from "./workarounds/replay-window.js";
import { verifyHandshake } from "./workarounds/verified-handshake.js";

const CLOSE_NOTIFY = 0;
const FATAL = 2;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
/** What may arrive ahead of the keys or of the certificate's check: one flight, and the first packet of SCTP. */
const MAX_EARLY_RECORDS = 8;

export interface DtlsGuardEvents {
  /** An authenticated close_notify. */
  onCloseNotify(): void;
  /** The other side failed to prove who it is, or sent an authenticated fatal alert. */
  onFailed(error: Error): void;
  /** The other side shows that it misses our last flight. */
  onFlightMissed(): void;
}

/**
 * Stands between the datagrams and werift's DTLS object. Nothing plain passes once keys exist, nothing protected passes
 * twice, nothing is delivered before the other side proved who it is.
 *
 * @returns a function to call once the transport is `connected` (the fingerprint is then checked): early records follow.
 */
export function guardDtls(
  dtls: DtlsObject,
  transport: DtlsTransport,
  events: DtlsGuardEvents,
  uses: Uses,
): { onConnected(): void } {
  const inner = dtls.transport.socket.onData;
  const window = createReplayWindow();
  const ordered = createOrderedHandshake();
  let early: DtlsRecord[] = [];
  let data: Buffer[] = [];

  const plain = (record: DtlsRecord) => {
    if (uses("forged-records") && !isAdmissiblePlaintext(record, dtls.connected)) return;
    if (record.header.contentType !== ContentType.handshake || !uses("ordered-handshake")) {
      inner(record.bytes);
      return;
    }
    const { messages, repeated } = ordered.receive(record);
    if (repeated.includes(CLIENT_HELLO) || repeated.includes(SERVER_HELLO)) events.onFlightMissed();
    for (const message of messages) inner(message);
    // A Finished may have overtaken the key exchange.
    if (messages.length > 0) for (const waiting of early.splice(0)) protectedRecord(waiting);
  };

  const protectedRecord = (record: DtlsRecord) => {
    if (!dtls.cipher.cipher) {
      if (early.length < MAX_EARLY_RECORDS) early.push({ ...record, bytes: Buffer.from(record.bytes) });
      return;
    }
    if (uses("replay-window") && !window.admits(record.header.sequenceNumber)) return;
    const content = openRecord(dtls, record);
    if (!content) return;
    window.advance(record.header.sequenceNumber);
    switch (record.header.contentType) {
      case ContentType.applicationData:
        if (transport.state === "connected") dtls.onData.execute(content);
        else if (data.length < MAX_EARLY_RECORDS) data.push(content);
        return;
      case ContentType.alert:
        if (content[1] === CLOSE_NOTIFY) events.onCloseNotify();
        else if (content[0] === FATAL) events.onFailed(new Error(`fatal DTLS alert ${content[1]}`));
        return;
      case ContentType.handshake:
        finished(record, content);
    }
  };

  const finished = (record: DtlsRecord, content: Buffer) => {
    if (dtls.connected) {
      events.onFlightMissed();
      return;
    }
    try {
      if (uses("verified-handshake")) verifyHandshake(dtls, content);
    } catch (error) {
      events.onFailed(error as Error);
      return;
    }
    inner(record.bytes);
  };

  dtls.transport.socket.onData = (datagram) => {
    for (const record of splitRecords(datagram)) {
      if (record.header.epoch === 0) plain(record);
      else if (record.header.epoch === 1) protectedRecord(record);
    }
  };

  return {
    onConnected() {
      early = [];
      const waiting = data;
      data = [];
      for (const content of waiting) dtls.onData.execute(content);
    },
  };
}
