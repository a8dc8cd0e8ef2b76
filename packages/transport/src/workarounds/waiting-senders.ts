import type { Association } from "../werift-internals.js";

/**
 * Defect: each `send` of werift's waits until the whole queue is empty, and is woken after every round of packets to
 * look: n waiting messages cost n wake-ups a round, which is quadratic. Here a message is only queued; its chunks are
 * made by werift's own code, whose call to `transmit` is put off, and one `transmit` follows for all.
 */
export function createMessageQueue(
  association: Association,
): (streamId: number, protocolId: number, message: Buffer) => void {
  const transmit = association.transmit.bind(association);
  let isQueueing = false;
  // A promise that never settles and that nobody holds: the rest of werift's `send`, which only waits, is dropped.
  association.transmit = () => (isQueueing ? new Promise<void>(() => {}) : transmit());
  return (streamId, protocolId, message) => {
    isQueueing = true;
    try {
      void association.send(streamId, protocolId, message, { ordered: true });
    } finally {
      isQueueing = false;
    }
  };
}
