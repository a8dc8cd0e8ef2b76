import type { RTCPeerConnection } from "werift";
import type { DtlsTransport } from "../werift-internals.js";

/** Above every flight number that a loop of werift's could wait for. */
const PAST_ALL_FLIGHTS = 100;

/**
 * Defect: a peer that is gone keeps its sockets, timers and consent checks until `close()` is called, whatever state
 * werift shows, and the loops that repeat handshake flights run on for half a minute even after it.
 */
export async function closeForGood(connection: RTCPeerConnection, transport: DtlsTransport): Promise<void> {
  if (transport.dtls) {
    transport.dtls.transport.socket.onData = () => {};
    Object.defineProperty(transport.dtls.dtls, "flight", { get: () => PAST_ALL_FLIGHTS, set: () => {} });
  }
  await connection.close();
}
