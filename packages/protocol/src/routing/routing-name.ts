import { decodeText, fieldSize, textSize, varintSize, WireReader, WireType, WireWriter } from "../wire.js";

/**
 * The name by which a call is routed, read from the first message without decoding the rest (compat.md, section 2).
 *
 * A field that comes twice is legal protobuf, the last one counts, and no SDK writes it. Here it is unreadable: a
 * router and a part that disagreed on which of two counts would open a way around the guard.
 */
const NAME_TAG = (1 << 3) | WireType.bytes;

/** First requests that carry the name one message deeper: field 1, and its field 1. All others have it in field 1. */
const NESTED_NAMES: ReadonlySet<string> = new Set([
  "/viam.component.audioout.v1.AudioOutService/PlayStream",
  "/viam.service.shell.v1.ShellService/CopyFilesToMachine",
  "/viam.service.shell.v1.ShellService/CopyFilesFromMachine",
]);

/** The text in field 1: "" when the field is absent, undefined when the bytes cannot be read as such a message. */
export function firstName(message: Uint8Array): string | undefined {
  const span = firstField(message, 0, message.length);
  return span && readName(message, span);
}

/** `message` with `name` in field 1; undefined where {@link firstName} is. Always a new array. */
export function rewriteFirstName(message: Uint8Array, name: string): Uint8Array | undefined {
  const span = firstField(message, 0, message.length);
  if (span === undefined || readName(message, span) === undefined) return undefined;
  return replaceField(message, span, nameField(name));
}

/** {@link firstName} of the first request of `method` ("/package.Service/Method"), wherever that method has it. */
export function routingName(method: string, message: Uint8Array): string | undefined {
  if (!NESTED_NAMES.has(method)) return firstName(message);
  const outer = firstField(message, 0, message.length);
  if (outer === undefined) return undefined;
  const inner = firstField(message, outer.valueStart, outer.end);
  return inner && readName(message, inner);
}

/** {@link rewriteFirstName} for the first request of `method`. */
export function rewriteRoutingName(method: string, message: Uint8Array, name: string): Uint8Array | undefined {
  if (!NESTED_NAMES.has(method)) return rewriteFirstName(message, name);
  const outer = firstField(message, 0, message.length);
  if (outer === undefined) return undefined;
  const inner = rewriteFirstName(message.subarray(outer.valueStart, outer.end), name);
  return inner && replaceField(message, outer, bytesField(inner));
}

/** Where field 1 stands: [start, end) with its tag, its value from valueStart. All three are equal when it is absent. */
interface Span {
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

function firstField(bytes: Uint8Array, from: number, to: number): Span | undefined {
  const reader = new WireReader(bytes, from, to);
  let span: Span | undefined;
  try {
    while (!reader.done) {
      const start = reader.pos;
      const tag = reader.tag();
      if (tag >>> 3 !== 1) {
        reader.skip(tag);
        continue;
      }
      if (span !== undefined || tag !== NAME_TAG) return undefined;
      const end = reader.lengthEnd();
      span = { start, valueStart: reader.pos, end };
      reader.pos = end;
    }
  } catch {
    return undefined;
  }
  return span ?? { start: from, valueStart: from, end: from };
}

function readName(bytes: Uint8Array, span: Span): string | undefined {
  try {
    return decodeText(bytes.subarray(span.valueStart, span.end));
  } catch {
    return undefined;
  }
}

function nameField(name: string): Uint8Array {
  const size = textSize(name);
  const writer = new WireWriter(fieldSize(size));
  writer.byte(NAME_TAG);
  writer.text(name, size);
  return writer.bytes;
}

function bytesField(value: Uint8Array): Uint8Array {
  const writer = new WireWriter(1 + varintSize(value.length) + value.length);
  writer.byte(NAME_TAG);
  writer.varint(value.length);
  writer.raw(value);
  return writer.bytes;
}

function replaceField(bytes: Uint8Array, span: Span, field: Uint8Array): Uint8Array {
  const replaced = new Uint8Array(bytes.length - (span.end - span.start) + field.length);
  replaced.set(bytes.subarray(0, span.start));
  replaced.set(field, span.start);
  replaced.set(bytes.subarray(span.end), span.start + field.length);
  return replaced;
}
