/** Requests as bytes, made by hand: what measures must not cost more than what is measured. */

const TEXT = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** A field of bytes: a string or a message. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(varint(number * 8 + 2)), Buffer.from(varint(bytes.length)), bytes]);
}

function double(number: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(number * 8 + 1);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

const integer = (number: number, value: number): Uint8Array => Buffer.from([...varint(number * 8), ...varint(value)]);

function packed(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, index * 8);
  return bytes;
}

const text = (number: number, value: string) => field(number, TEXT.encode(value));
const message = (...fields: Uint8Array[]): Uint8Array => Buffer.concat(fields);

const MOTOR = "/viam.component.motor.v1.MotorService";
export const SET_POWER = `${MOTOR}/SetPower`;
export const GO_FOR = `${MOTOR}/GoFor`;
export const DO_COMMAND = "/viam.component.generic.v1.GenericService/DoCommand";

export const setPowerRequest = (name: string, power: number) => message(text(1, name), double(2, power));
export const goForRequest = (name: string, rpm: number, revolutions: number) =>
  message(text(1, name), double(2, rpm), double(3, revolutions));
export const nameRequest = (name: string) => text(1, name);
export const moveStraightRequest = (name: string, distanceMm: number, mmPerSec: number) =>
  message(text(1, name), integer(2, distanceMm), double(3, mmPerSec));
export const moveToJointPositionsRequest = (name: string, degrees: readonly number[]) =>
  message(text(1, name), field(2, field(1, packed(degrees))));
export const heartbeatRequest = (session: string) => text(1, session);

/** The same request, longer by a field that no method knows. */
export const withPadding = (request: Uint8Array, bytes: number) => message(request, field(1000, Buffer.alloc(bytes)));

/** DoCommandRequest whose command holds one string of that many bytes. */
export function bulkRequest(name: string, bytes: number): Uint8Array {
  const value = field(3, Buffer.alloc(bytes, "x"));
  const entry = message(text(1, "payload"), field(2, value));
  return message(text(1, name), field(2, field(1, entry)));
}

/** Fields of a message that holds only bytes and whole numbers: the last one of each number. */
function fieldsOf(message: Uint8Array): Map<number, Uint8Array | number> {
  const fields = new Map<number, Uint8Array | number>();
  let at = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = next();
    const value = next();
    if (tag % 8 !== 2) fields.set(Math.floor(tag / 8), value);
    else {
      fields.set(Math.floor(tag / 8), message.subarray(at, at + value));
      at += value;
    }
  }
  return fields;
}

export function readBytes(message: Uint8Array, number: number): Uint8Array | undefined {
  const value = fieldsOf(message).get(number);
  return typeof value === "number" ? undefined : value;
}

/** google.protobuf.Duration: seconds and nanoseconds. */
export function readDurationMs(message: Uint8Array): number {
  const fields = fieldsOf(message);
  return Number(fields.get(1) ?? 0) * 1000 + Number(fields.get(2) ?? 0) / 1e6;
}

export const readString = (message: Uint8Array, number: number): string =>
  Buffer.from(readBytes(message, number) ?? []).toString("utf8");
