import { VigilError } from "@vigil/shared";

/**
 * Protobuf's binary form, read and written by hand: for the two places where every byte of traffic passes (the frames
 * of a data channel, the name by which a call is routed). Everything else uses the generated code.
 *
 * Reading throws VigilError("bad_frame") and never reads past the end. Groups (wire types 3 and 4) are refused: proto3
 * has none.
 */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

/** Field numbers end at 2^29 - 1, so a tag fits into 32 bits. */
const MAX_TAG = 2 ** 32 - 1;

export function malformed(what: string): never {
  throw new VigilError("bad_frame", `malformed protobuf: ${what}`);
}

/** Text of UTF-8 bytes; a byte order mark stays. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return malformed("text that is not UTF-8");
  }
}

/** Reads one message, or a part of one: [pos, end) of `bytes`. */
export class WireReader {
  readonly bytes: Uint8Array;
  pos: number;
  readonly end: number;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  /** Field number and wire type, as `number << 3 | type`. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > MAX_TAG) malformed("field number out of range");
    return tag;
  }

  /** An unsigned number up to 2^53 - 1: larger ones are refused, nothing here has a use for them. */
  varint(): number {
    const { bytes, end } = this;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (this.pos >= end) malformed("ends inside a number");
      const byte = bytes[this.pos++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) malformed("number beyond 2^53");
        return value;
      }
      scale *= 128;
    }
    return malformed("number of more than ten bytes");
  }

  /** A number of any size, the low 32 bits of which count: int32, and what has to be skipped. */
  int32(): number {
    const { bytes, end } = this;
    let value = 0;
    for (let count = 0; count < 10; count++) {
      if (this.pos >= end) malformed("ends inside a number");
      const byte = bytes[this.pos++]!;
      if (count < 5) value |= (byte & 0x7f) << (count * 7);
      if (byte < 0x80) return value;
    }
    return malformed("number of more than ten bytes");
  }

  /** An int64 as a number: exact up to 2^53, near enough beyond (a duration's seconds). */
  int64(): number {
    const { bytes, end } = this;
    let value = 0n;
    for (let count = 0n; count < 10n; count++) {
      if (this.pos >= end) malformed("ends inside a number");
      const byte = bytes[this.pos++]!;
      value |= BigInt(byte & 0x7f) << (7n * count);
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    return malformed("number of more than ten bytes");
  }

  bool(): boolean {
    const { bytes, end } = this;
    let bits = 0;
    for (let count = 0; count < 10; count++) {
      if (this.pos >= end) malformed("ends inside a number");
      const byte = bytes[this.pos++]!;
      bits |= byte & 0x7f;
      if (byte < 0x80) return bits !== 0;
    }
    return malformed("number of more than ten bytes");
  }

  /** Reads a length and returns where what it measures ends; `pos` is at its start. */
  lengthEnd(): number {
    const length = this.varint();
    if (length > this.end - this.pos) malformed("a length reaches beyond the end");
    return this.pos + length;
  }

  /** A view of a bytes field, not a copy. */
  view(): Uint8Array {
    const end = this.lengthEnd();
    const view = this.bytes.subarray(this.pos, end);
    this.pos = end;
    return view;
  }

  /** Steps into a length-delimited field; this reader goes on behind it. */
  message(): WireReader {
    const end = this.lengthEnd();
    const inner = new WireReader(this.bytes, this.pos, end);
    this.pos = end;
    return inner;
  }

  text(): string {
    const end = this.lengthEnd();
    const text = decodeText(this.bytes.subarray(this.pos, end));
    this.pos = end;
    return text;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.int32();
        break;
      case WireType.bytes:
        this.pos = this.lengthEnd();
        break;
      case WireType.fixed64:
        this.advance(8);
        break;
      case WireType.fixed32:
        this.advance(4);
        break;
      default:
        malformed("groups are not supported");
    }
  }

  private advance(count: number): void {
    if (count > this.end - this.pos) malformed("ends inside a field");
    this.pos += count;
  }
}

/** Writes into an array of exactly `size` bytes; the caller measures first, with the functions below. */
export class WireWriter {
  readonly bytes: Uint8Array;
  pos = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  byte(value: number): void {
    this.bytes[this.pos++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.pos++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.pos++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  /** Length and bytes of `text`, whose UTF-8 form is `size` bytes long. */
  text(text: string, size: number): void {
    this.varint(size);
    if (size === text.length) {
      for (let at = 0; at < size; at++) this.bytes[this.pos++] = text.charCodeAt(at);
      return;
    }
    utf8.encodeInto(text, this.bytes.subarray(this.pos, this.pos + size));
    this.pos += size;
  }
}

/** Bytes of `value` as a varint; `value` is a safe integer, 0 or more. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes of a length-delimited field with a one-byte tag and `length` bytes inside. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Bytes of `text` in UTF-8. */
export function textSize(text: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return utf8.encode(text).length;
  }
  return text.length;
}
