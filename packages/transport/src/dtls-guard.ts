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
/** werift's number for a DTLS server. */
const SERVER_SESSION = 2;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const HANDSHAKE_HEADER_BYTES = 12;
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
    // A Finished may have overtaken the messages before it.
    if (messages.length > 0) for (const waiting of early.splice(0)) protectedRecord(waiting);
  };

  const keep = (record: DtlsRecord) => {
    if (early.length < MAX_EARLY_RECORDS) early.push(record);
  };

  const protectedRecord = (record: DtlsRecord) => {
    if (!dtls.cipher.cipher) {
      keep(record);
      return;
    }
    if (uses("replay-window") && !window.admits(record.header.sequenceNumber)) return;
    const content = openRecord(dtls, record);
    if (!content) return;
    if (isAheadOfItsTurn(record, content)) {
      keep(record);
      return;
    }
    window.advance(record.header.sequenceNumber);
    switch (record.header.contentType) {
      case ContentType.applicationData:
        if (transport.state === "connected") transport.dataReceiver?.(content);
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

  const isAheadOfItsTurn = ({ header }: DtlsRecord, content: Buffer) =>
    header.contentType === ContentType.handshake &&
    !dtls.connected &&
    uses("ordered-handshake") &&
    content.length > HANDSHAKE_HEADER_BYTES &&
    content.readUInt16BE(4) > ordered.next;

  const finished = (record: DtlsRecord, content: Buffer) => {
    if (dtls.connected) {
      // Only whoever sends the last flight repeats it; were the client to do so too, both would go on for ever.
      if (dtls.sessionType === SERVER_SESSION) events.onFlightMissed();
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
      for (const content of waiting) transport.dataReceiver?.(content);
    },
  };
}
