import { sealRecord } from "../dtls-keys.js";
import { ContentType } from "../dtls-records.js";
import { createPacket } from "../sctp-chunks.js";
import type { Association, DtlsTransport } from "../werift-internals.js";

const SENT = Promise.resolve();

/**
 * Defect: on its way out a packet passes six functions of werift's that each make a promise of it, and is copied four
 * times: a tenth of the gateway's work at full load (measured). Here it is made, protected and given to the path at once.
 */
export function sendRecordsDirectly(association: Association, transport: DtlsTransport): void {
  const { connection } = transport.iceTransport;

  association.sendChunk = ({ bytes }) => {
    const { localPort, remotePort, remoteVerificationTag: verificationTag } = association;
    const { dtls } = transport;
    // What cannot be sent is lost, as in a network.
    if (association.state === "closed" || remotePort === undefined || !dtls?.cipher.cipher) return SENT;
    const packet = createPacket({ localPort, remotePort, verificationTag }, bytes);
    return connection.send(sealRecord(dtls, ContentType.applicationData, packet));
  };
}
