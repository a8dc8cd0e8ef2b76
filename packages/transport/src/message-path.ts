import type { MessageSink } from "./send-queue.js";
import { type Association, AssociationState } from "./werift-internals.js";
import type { Uses } from "./workarounds/names.js";
import { createMessageQueue } from "./workarounds/waiting-senders.js";

/** RFC 8831, section 8: payload protocol identifiers. */
const ProtocolId = { text: 51, binary: 53, binaryEmpty: 57, textEmpty: 56 } as const;

/**
 * Messages between the send queue and the association. werift's own data channels are left out: theirs take channels
 * that the other side opens, throw inside a promise on an unknown identifier, and have one queue for all priorities.
 */
export function createMessageSink(
  association: Association,
  uses: Uses,
  onError: (error: unknown) => void,
): MessageSink {
  const queueMessage = uses("waiting-senders") ? createMessageQueue(association) : undefined;
  return {
    get isReady() {
      return association.associationState === AssociationState.established;
    },
    get waitingChunks() {
      return association.outboundQueue.length;
    },
    queue(streamId, message, isText) {
      const protocolId = isText ? ProtocolId.text : ProtocolId.binary;
      if (queueMessage) queueMessage(streamId, protocolId, message);
      else association.send(streamId, protocolId, message, { ordered: true }).catch(onError);
      // The TSN that the next chunk will have (RFC 9260, section 1.6: serial arithmetic).
      return association.localTsn;
    },
    isAcknowledged: (mark) => ((association.lastSackedTsn + 1 - mark) | 0) >= 0,
    transmit() {
      association.transmit().catch(onError);
    },
  };
}

/** Passes on the messages of the negotiated channels; everything else an association carries is dropped. */
export function receiveMessages(
  association: Association,
  deliver: (streamId: number, message: Buffer | string) => void,
): void {
  association.onReceive.allUnsubscribe();
  association.onReceive.subscribe((streamId, protocolId, data) => {
    switch (protocolId) {
      case ProtocolId.text:
        deliver(streamId, data.toString("utf8"));
        return;
      case ProtocolId.binary:
        deliver(streamId, data);
        return;
      case ProtocolId.textEmpty:
        deliver(streamId, "");
        return;
      case ProtocolId.binaryEmpty:
        deliver(streamId, Buffer.alloc(0));
    }
  });
}
