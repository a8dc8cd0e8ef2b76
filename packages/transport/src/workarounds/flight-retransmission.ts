import type { Clock, Timer } from "@vigil/shared";
import { openOwnRecord, sealRecord } from "../dtls-keys.js";
import { ContentType, type DtlsRecord, serializeRecord, splitRecords } from "../dtls-records.js";
import type { DtlsObject } from "../werift-internals.js";

/** RFC 9147, section 5.8.2, allows less than a second where latency matters; a LAN answers in 5 ms. */
const FIRST_REPEAT_MS = 50;
/** A server repeats its HelloVerifyRequest only when it is asked again (RFC 6347, section 4.2.4). */
const HELLO_VERIFY_FLIGHT = 2;
/** Certificate, key exchange, verify, cipher change, Finished: 5 messages, in fragments at the most this many records. */
const MAX_FLIGHT_RECORDS = 16;
/** 50, 100, ... 1,600 ms: 3.15 s in all, then werift's own, slower repetition is left to it. */
const MAX_REPEATS = 6;

/**
 * Defect: werift repeats a handshake flight after 0.5 s at the earliest, and under the old record numbers, which
 * OpenSSL drops as replays: one lost datagram costs seconds or the connection. A flight is repeated after 50 ms,
 * doubling, each record under a fresh number. What is sent in epoch 0 is renumbered throughout, so that werift's own
 * numbers never collide with the repeated ones.
 */
export interface FlightRetransmission {
  /** Sends the last flight once more, because the other side showed that it misses it. */
  repeat(): void;
  stop(): void;
}

export function retransmitFlights(clock: Clock, dtls: DtlsObject): FlightRetransmission {
  const send = dtls.transport.send;
  let flight: DtlsRecord[] = [];
  let flightNumber = -1;
  let plainRecordNumber = 0;
  let timer: Timer | undefined;
  let repeats = 0;

  const renumbered = ({ header, fragment }: DtlsRecord) =>
    serializeRecord({ ...header, sequenceNumber: plainRecordNumber++ }, fragment);

  const repeat = () => {
    for (const record of flight) {
      if (record.header.epoch === 0) {
        void send(renumbered(record));
        continue;
      }
      const content = openOwnRecord(dtls, record);
      if (content) void send(sealRecord(dtls, record.header.contentType, content));
    }
  };

  const schedule = () => {
    timer?.cancel();
    timer = clock.after(FIRST_REPEAT_MS * 2 ** repeats, () => {
      if (dtls.connected || ++repeats > MAX_REPEATS) return;
      repeat();
      schedule();
    });
  };

  dtls.transport.send = async (datagram, address) => {
    if (datagram[0] === ContentType.applicationData) return send(datagram, address);
    const records = splitRecords(datagram);
    if (flightNumber !== dtls.dtls.flight) {
      flightNumber = dtls.dtls.flight;
      flight = [];
      repeats = 0;
      if (flightNumber !== HELLO_VERIFY_FLIGHT) schedule();
    }
    if (flight.length < MAX_FLIGHT_RECORDS) flight.push(...records);
    for (const record of records) {
      await send(record.header.epoch === 0 ? renumbered(record) : record.bytes, address);
    }
  };

  return { repeat, stop: () => timer?.cancel() };
}
