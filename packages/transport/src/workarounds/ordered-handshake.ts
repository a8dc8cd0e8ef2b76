import { ContentType, type DtlsRecord, serializeRecord } from "../dtls-records.js";

/** RFC 6347, section 4.2.2: type, 24-bit length, sequence, 24-bit fragment offset and length. */
const HEADER_BYTES = 12;
/** The longest flight has 6 messages. */
const MAX_AHEAD = 8;
/** Fragments below the smallest sensible size would only cost memory: 16 KiB in pieces of 64. */
const MAX_FRAGMENTS = 256;

interface Assembly {
  type: number;
  length: number;
  pieces: Map<number, Buffer>;
}

/**
 * Defect: werift takes handshake messages in the order of their arrival, duplicates included: a second
 * HelloVerifyRequest fails the connection, a second ServerKeyExchange makes new keys, a fragment that was lost and
 * repeated never completes a message. Messages are put together and passed on once each, in order; what was passed on
 * before is reported, because it says that the other side misses our last flight.
 */
export interface OrderedHandshake {
  /** Sequence number of the message that is due. */
  readonly next: number;
  /** Takes a plaintext handshake record; complete messages come out as records of one unfragmented message. */
  receive(record: DtlsRecord): { messages: Buffer[]; repeated: number[] };
}

export function createOrderedHandshake(): OrderedHandshake {
  let next = 0;
  const assemblies = new Map<number, Assembly>();

  return {
    get next() {
      return next;
    },
    receive({ header, fragment }) {
      const repeated: number[] = [];
      for (const part of fragments(fragment)) {
        if (part.sequence < next) repeated.push(part.type);
        else if (part.sequence - next < MAX_AHEAD) addPart(assemblies, part);
      }
      const messages: Buffer[] = [];
      for (let whole = complete(assemblies.get(next)); whole; whole = complete(assemblies.get(next))) {
        const message = wholeMessage(assemblies.get(next)!, next, whole);
        messages.push(serializeRecord({ ...header, contentType: ContentType.handshake }, message));
        assemblies.delete(next++);
      }
      return { messages, repeated };
    },
  };
}

interface Part {
  type: number;
  length: number;
  sequence: number;
  offset: number;
  body: Buffer;
}

function* fragments(content: Buffer): Generator<Part> {
  for (let start = 0; content.length - start >= HEADER_BYTES; ) {
    const size = content.readUIntBE(start + 9, 3);
    yield {
      type: content.readUInt8(start),
      length: content.readUIntBE(start + 1, 3),
      sequence: content.readUInt16BE(start + 4),
      offset: content.readUIntBE(start + 6, 3),
      body: Buffer.from(content.subarray(start + HEADER_BYTES, start + HEADER_BYTES + size)),
    };
    start += HEADER_BYTES + size;
  }
}

function addPart(assemblies: Map<number, Assembly>, { type, length, sequence, offset, body }: Part): void {
  const assembly = assemblies.get(sequence) ?? { type, length, pieces: new Map<number, Buffer>() };
  if (assembly.type !== type || assembly.length !== length || assembly.pieces.size >= MAX_FRAGMENTS) return;
  assemblies.set(sequence, assembly);
  const known = assembly.pieces.get(offset);
  if (!known || known.length < body.length) assembly.pieces.set(offset, body);
}

/** The body, once its pieces leave no gap. */
function complete(assembly: Assembly | undefined): Buffer | undefined {
  if (!assembly) return undefined;
  const body = Buffer.alloc(assembly.length);
  let filled = 0;
  for (const [offset, piece] of [...assembly.pieces].sort(([a], [b]) => a - b)) {
    if (offset > filled) return undefined;
    piece.copy(body, offset);
    filled = Math.max(filled, offset + piece.length);
  }
  return filled === assembly.length ? body : undefined;
}

function wholeMessage({ type, length }: Assembly, sequence: number, body: Buffer): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + length);
  message.writeUInt8(type, 0);
  message.writeUIntBE(length, 1, 3);
  message.writeUInt16BE(sequence, 4);
  message.writeUIntBE(0, 6, 3);
  message.writeUIntBE(length, 9, 3);
  body.copy(message, HEADER_BYTES);
  return message;
}
