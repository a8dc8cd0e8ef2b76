import type { DtlsObject, IceConnection } from "../werift-internals.js";

/** A ClientHello is one datagram; a few more for those that are sent again or are cut into fragments. */
const MAX_HELD = 8;

/**
 * Defect: werift listens for DTLS only once its own ICE checks are done. A ClientHello that comes before is lost, and
 * the other side repeats it after 1 s. Early datagrams are held until the DTLS object exists.
 */
export function holdEarlyDatagrams(connection: IceConnection): { release(dtls: DtlsObject): void } {
  const held: Buffer[] = [];
  const subscription = connection.onData.subscribe((datagram) => {
    if (held.length < MAX_HELD) held.push(Buffer.from(datagram));
  });
  return {
    release(dtls) {
      subscription.unSubscribe();
      // werift subscribes its handlers in the rest of this turn.
      queueMicrotask(() => {
        for (const datagram of held.splice(0)) dtls.transport.socket.onData(datagram);
      });
    },
  };
}
