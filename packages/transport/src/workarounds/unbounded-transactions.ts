import type { IceConnection } from "../werift-internals.js";

/** Enough to recognise every retransmission of a STUN request (7 within 39.5 s, RFC 8489, section 6.2.1). */
const MAX_REMEMBERED = 64;

/**
 * Defect: each candidate pair remembers the transaction id of every STUN request for ever, to count retransmissions in
 * its statistics: a browser's consent checks alone add 35,000 strings a day.
 */
export function boundTransactionMemory(connection: IceConnection): void {
  const checkIncoming = connection.checkIncoming.bind(connection);
  connection.checkIncoming = (message, address, protocol) => {
    checkIncoming(message, address, protocol);
    for (const { requestTransactionIds: ids } of connection.checkList) {
      if (ids.size <= MAX_REMEMBERED) continue;
      for (const id of ids) {
        if (ids.size <= MAX_REMEMBERED / 2) break;
        ids.delete(id);
      }
    }
  };
}
