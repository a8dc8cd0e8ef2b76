import type { Status } from "@vigil/protocol";
import { Code } from "@vigil/shared";
import { MAX_MESSAGE_BYTES, MAX_SKIPPED_BYTES } from "./limits.js";

/** Flag byte and length of each message, in gRPC and gRPC-web alike. */
const PREFIX_BYTES = 5;
const COMPRESSED = 0x01;
/** In gRPC-web this flag marks the frame that holds the trailers. */
export const TRAILER_FLAG = 0x80;

/** Up to here one copy into one buffer is cheaper than a second write. */
const COPY_BYTES = 16_384;

/** The first buffer for a message that comes in pieces; it grows with what really arrived, not with what was claimed. */
const FIRST_BUFFER_BYTES = 65_536;

/**
 * Cuts a byte stream into messages. After a failure everything that still comes is dropped. A message over the limit
 * fails once it has passed by: a client of Node that still holds more than 10 MB to send drops the stream when its answer
 * comes, and reports a reset instead of what the answer says (measured: ENHANCE_YOUR_CALM, by the client itself).
 */
export interface EnvelopeReader {
  push(chunk: Uint8Array): void;
  /** No more bytes will come; a message that is cut short is a failure. Returns whether the stream ended cleanly. */
  end(): boolean;
}

export function createEnvelopeReader(
  onMessage: (bytes: Uint8Array) => void,
  onFailure: (status: Status) => void,
  maxMessageBytes = MAX_MESSAGE_BYTES,
): EnvelopeReader {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  let prefixFilled = 0;
  let need = -1;
  let buffer: Buffer | undefined;
  let filled = 0;
  let failed = false;
  /** Bytes of a message over the limit that are still to come, and how it ends then. */
  let toSkip = 0;
  let tooLarge = "";

  const fail = (code: Code, message: string) => {
    failed = true;
    buffer = undefined;
    onFailure({ code, message });
  };

  const checkPrefix = (bytes: Uint8Array, at: number): number => {
    const flag = bytes[at]!;
    const length = bytes[at + 1]! * 0x1000000 + (bytes[at + 2]! << 16) + (bytes[at + 3]! << 8) + bytes[at + 4]!;
    if (flag === COMPRESSED) fail(Code.unimplemented, "compressed message: send with grpc-encoding identity");
    else if (flag !== 0) fail(Code.internal, `message with unknown flags 0x${flag.toString(16)}`);
    else if (length > maxMessageBytes) {
      tooLarge = `message of ${length} bytes: the limit is ${maxMessageBytes}`;
      toSkip = length;
      if (length > MAX_SKIPPED_BYTES) fail(Code.resourceExhausted, tooLarge);
    }
    return length;
  };

  /** Collects a message that comes in pieces; returns how much of the chunk it took. */
  const collect = (chunk: Uint8Array, at: number): number => {
    const take = Math.min(need - filled, chunk.length - at);
    if (!buffer || buffer.length < filled + take) {
      const size = Math.min(need, Math.max(FIRST_BUFFER_BYTES, filled + take, (buffer?.length ?? 0) * 2));
      const grown = Buffer.allocUnsafeSlow(size);
      if (buffer) buffer.copy(grown, 0, 0, filled);
      buffer = grown;
    }
    buffer.set(chunk.subarray(at, at + take), filled);
    filled += take;
    if (filled === need) {
      const message = buffer.subarray(0, need);
      need = -1;
      buffer = undefined;
      filled = 0;
      onMessage(message);
    }
    return take;
  };

  return {
    push(chunk) {
      let at = 0;
      while (!failed && at < chunk.length) {
        if (toSkip > 0) {
          toSkip -= Math.min(toSkip, chunk.length - at);
          if (toSkip === 0) fail(Code.resourceExhausted, tooLarge);
          return;
        }
        if (need >= 0) {
          at += collect(chunk, at);
          continue;
        }
        if (prefixFilled === 0 && chunk.length - at >= PREFIX_BYTES) {
          need = checkPrefix(chunk, at);
          at += PREFIX_BYTES;
        } else {
          prefix[prefixFilled++] = chunk[at++]!;
          if (prefixFilled < PREFIX_BYTES) continue;
          prefixFilled = 0;
          need = checkPrefix(prefix, 0);
        }
        if (failed) return;
        if (toSkip > 0) continue;
        if (chunk.length - at >= need) {
          const message = chunk.subarray(at, at + need);
          at += need;
          need = -1;
          onMessage(message);
        }
      }
    },
    end() {
      if (failed) return false;
      if (need < 0 && prefixFilled === 0) return true;
      if (toSkip > 0) fail(Code.resourceExhausted, tooLarge);
      else fail(Code.internal, "the request ended within a message");
      return false;
    },
  };
}

/** A message with its prefix as buffers to be written one after the other. Large ones are not copied. */
export function envelope(message: Uint8Array, flag = 0): Buffer[] {
  const whole = message.length <= COPY_BYTES;
  const head = Buffer.allocUnsafe(PREFIX_BYTES + (whole ? message.length : 0));
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  if (whole) {
    head.set(message, PREFIX_BYTES);
    return [head];
  }
  return [head, Buffer.from(message.buffer, message.byteOffset, message.byteLength)];
}
