import type { Clock } from "@vigil/shared";
import { sealCloseNotify, sealRecord } from "./dtls-keys.js";
import { ContentType } from "./dtls-records.js";
import { createAbort, createPacket } from "./sctp-chunks.js";
import { type Association, AssociationState, type DtlsObject, type DtlsTransport } from "./werift-internals.js";

/** A client that comes back from a black-out repeats itself; ten answers a second are plenty, and bound the work. */
const MIN_ANSWER_INTERVAL_MS = 100;

/** Says once that the connection is over: ABORT for SCTP, close_notify for DTLS. */
export async function sayGoodbye(association: Association, dtls: DtlsObject): Promise<void> {
  const { localPort, remotePort, remoteVerificationTag } = association;
  const abort = createPacket(
    { localPort, remotePort: remotePort!, verificationTag: remoteVerificationTag },
    createAbort().bytes,
  );
  await dtls.transport.send(sealRecord(dtls, ContentType.applicationData, abort));
  await dtls.transport.send(sealCloseNotify(dtls));
}

/** Drops what the association still had to send; it repeats nothing and delivers nothing from here on. */
export function silence(association: Association, transport: DtlsTransport): void {
  transport.dataReceiver = () => {};
  association.setState(AssociationState.closed);
}

/** Says goodbye again to whatever authenticated packet still comes: the other side did not hear it. */
export function repeatGoodbye(
  {
    clock,
    association,
    dtls,
    transport,
  }: {
    clock: Clock;
    association: Association;
    dtls: DtlsObject;
    transport: DtlsTransport;
  },
  onError: (error: unknown) => void,
): void {
  let answeredAtMs = Number.NEGATIVE_INFINITY;
  transport.dataReceiver = () => {
    if (clock.now() - answeredAtMs < MIN_ANSWER_INTERVAL_MS) return;
    answeredAtMs = clock.now();
    sayGoodbye(association, dtls).catch(onError);
  };
}
