import type { Association } from "../werift-internals.js";

/** Flags of a DATA chunk (RFC 9260, section 3.3.1). */
const LAST = 0x01;
const FIRST = 0x02;
const UNORDERED = 0x04;
const WHOLE = FIRST | LAST;

/**
 * Defect: for every chunk werift sorts a set, rebuilds two more collections and copies the message twice, though nearly
 * each comes in its turn and is a whole message. One that comes in its turn is marked so, and a whole message delivered
 * as it lies in the packet, whose buffer nobody else writes to.
 */
export function deliverInOrder(association: Association): void {
  const markReceived = association.markReceived.bind(association);
  const receiveDataChunk = association.receiveDataChunk.bind(association);
  const { getInboundStream } = association;

  const isNext = (tsn: number) =>
    association.lastReceivedTsn !== undefined &&
    tsn === (association.lastReceivedTsn + 1) >>> 0 &&
    association.sackMisOrdered.size === 0 &&
    association.sackDuplicates.length === 0;

  association.markReceived = (tsn) => {
    if (!isNext(tsn)) return markReceived(tsn);
    association.lastReceivedTsn = tsn;
    return false;
  };
  association.receiveDataChunk = (chunk) => {
    const { flags, tsn, streamId, streamSeqNum, protocol, userData } = chunk;
    if ((flags & (WHOLE | UNORDERED)) !== WHOLE || !isNext(tsn)) return receiveDataChunk(chunk);
    const stream = getInboundStream.call(association, streamId);
    if (stream.reassembly.length > 0 || streamSeqNum !== stream.streamSequenceNumber) return receiveDataChunk(chunk);
    association.lastReceivedTsn = tsn;
    stream.streamSequenceNumber = (streamSeqNum + 1) & 0xffff;
    association.sackNeeded = true;
    association.sackHasNewDataInPacket = true;
    association.sackImmediate = true;
    association.receive(streamId, protocol, userData);
  };
}
