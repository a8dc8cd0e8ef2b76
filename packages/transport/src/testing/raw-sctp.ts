import type { RTCPeerConnection } from "werift";
import { sealRecord } from "../dtls-keys.js";
import { ContentType } from "../dtls-records.js";
import { createPacket } from "../sctp-chunks.js";
import { associationOf, dtlsTransportOf } from "../werift-internals.js";

/** Sends any bytes as an SCTP packet of this connection: protected, with the right ports and tag, and nothing checked. */
export function sendRawChunks(connection: RTCPeerConnection, chunks: Buffer): void {
  const { localPort, remotePort, remoteVerificationTag } = associationOf(connection);
  const packet = createPacket({ localPort, remotePort: remotePort!, verificationTag: remoteVerificationTag }, chunks);
  sendRawRecord(connection, packet);
}

export function sendRawRecord(connection: RTCPeerConnection, content: Buffer): void {
  const { dtls } = dtlsTransportOf(connection);
  void dtls!.transport.send(sealRecord(dtls!, ContentType.applicationData, content));
}
