import type { Metadata, Status } from "../call.js";
import { fieldSize, textSize, varintSize, WireWriter } from "../wire.js";

// One array of the exact size per frame, never written again: a channel's send may keep it (werift's does).

export function encodeRequestHeaders(
  streamId: number,
  method: string,
  metadata: Metadata,
  timeoutMs: number | undefined,
): Uint8Array {
  const methodSize = textSize(method);
  const metadataSize = measureMetadata(metadata);
  const seconds = timeoutMs === undefined ? 0 : Math.floor(timeoutMs / 1000);
  const nanos = timeoutMs === undefined ? 0 : Math.min(Math.floor((timeoutMs % 1000) * 1e6), 999_999_999);
  const durationSize = (seconds > 0 ? 1 + varintSize(seconds) : 0) + (nanos > 0 ? 1 + varintSize(nanos) : 0);
  const size =
    (methodSize > 0 ? fieldSize(methodSize) : 0) +
    (metadataSize > 0 ? fieldSize(metadataSize) : 0) +
    (timeoutMs === undefined ? 0 : fieldSize(durationSize));
  const writer = startFrame(streamId, 0x12, size);
  if (methodSize > 0) {
    writer.byte(0x0a);
    writer.text(method, methodSize);
  }
  if (metadataSize > 0) writeMetadata(writer, 0x12, metadata, metadataSize);
  if (timeoutMs !== undefined) {
    writer.byte(0x1a);
    writer.varint(durationSize);
    if (seconds > 0) {
      writer.byte(0x08);
      writer.varint(seconds);
    }
    if (nanos > 0) {
      writer.byte(0x10);
      writer.varint(nanos);
    }
  }
  return writer.bytes;
}

/** A piece of a message. */
export function encodeRequestPacket(streamId: number, data: Uint8Array, eom: boolean, eos = false): Uint8Array {
  const packet = packetSize(data.length, eom);
  const writer = startFrame(streamId, 0x1a, 2 + fieldSize(packet) + (eos ? 2 : 0));
  writer.byte(0x08);
  writer.byte(1);
  writePacket(writer, 0x12, packet, data, eom);
  if (eos) {
    writer.byte(0x18);
    writer.byte(1);
  }
  return writer.bytes;
}

/** The bare end of a stream: {has_message: false, eos: true}. */
export function encodeRequestEnd(streamId: number): Uint8Array {
  const writer = startFrame(streamId, 0x1a, 2);
  writer.byte(0x18);
  writer.byte(1);
  return writer.bytes;
}

export function encodeReset(streamId: number): Uint8Array {
  const stream = streamSize(streamId);
  const writer = new WireWriter(fieldSize(stream) + 2);
  writeStream(writer, streamId, stream);
  writer.byte(0x20);
  writer.byte(1);
  return writer.bytes;
}

export function encodeResponseHeaders(streamId: number, metadata: Metadata): Uint8Array {
  const metadataSize = measureMetadata(metadata);
  const writer = startFrame(streamId, 0x12, metadataSize > 0 ? fieldSize(metadataSize) : 0);
  if (metadataSize > 0) writeMetadata(writer, 0x0a, metadata, metadataSize);
  return writer.bytes;
}

export function encodeResponsePacket(streamId: number, data: Uint8Array, eom: boolean): Uint8Array {
  const packet = packetSize(data.length, eom);
  const writer = startFrame(streamId, 0x1a, fieldSize(packet));
  writePacket(writer, 0x0a, packet, data, eom);
  return writer.bytes;
}

/** `status.details`, a whole google.rpc.Status, goes out as it is where the status has one. */
export function encodeResponseTrailers(streamId: number, status: Status, metadata: Metadata): Uint8Array {
  const { code, message, details } = status;
  const messageSize = textSize(message);
  const statusSize = details?.length ?? (code > 0 ? 2 : 0) + (messageSize > 0 ? fieldSize(messageSize) : 0);
  const metadataSize = measureMetadata(metadata);
  const writer = startFrame(streamId, 0x22, fieldSize(statusSize) + (metadataSize > 0 ? fieldSize(metadataSize) : 0));
  writer.byte(0x0a);
  writer.varint(statusSize);
  if (details !== undefined) writer.raw(details);
  else {
    if (code > 0) {
      writer.byte(0x08);
      writer.byte(code);
    }
    if (messageSize > 0) {
      writer.byte(0x12);
      writer.text(message, messageSize);
    }
  }
  if (metadataSize > 0) writeMetadata(writer, 0x12, metadata, metadataSize);
  return writer.bytes;
}

function startFrame(streamId: number, tag: number, size: number): WireWriter {
  const stream = streamSize(streamId);
  const writer = new WireWriter(fieldSize(stream) + fieldSize(size));
  writeStream(writer, streamId, stream);
  writer.byte(tag);
  writer.varint(size);
  return writer;
}

function streamSize(streamId: number): number {
  return streamId === 0 ? 0 : 1 + varintSize(streamId);
}

function writeStream(writer: WireWriter, streamId: number, size: number): void {
  writer.byte(0x0a);
  writer.byte(size);
  if (size === 0) return;
  writer.byte(0x08);
  writer.varint(streamId);
}

function packetSize(dataBytes: number, eom: boolean): number {
  return (dataBytes > 0 ? fieldSize(dataBytes) : 0) + (eom ? 2 : 0);
}

function writePacket(writer: WireWriter, tag: number, size: number, data: Uint8Array, eom: boolean): void {
  writer.byte(tag);
  writer.varint(size);
  if (data.length > 0) {
    writer.byte(0x0a);
    writer.varint(data.length);
    writer.raw(data);
  }
  if (eom) {
    writer.byte(0x10);
    writer.byte(1);
  }
}

function measureMetadata(metadata: Metadata): number {
  let size = 0;
  for (const [key, values] of metadata) size += fieldSize(measureEntry(key, measureStrings(values)));
  return size;
}

function measureEntry(key: string, stringsSize: number): number {
  return fieldSize(textSize(key)) + fieldSize(stringsSize);
}

function measureStrings(values: readonly string[]): number {
  let size = 0;
  for (const value of values) size += fieldSize(textSize(value));
  return size;
}

function writeMetadata(writer: WireWriter, tag: number, metadata: Metadata, size: number): void {
  writer.byte(tag);
  writer.varint(size);
  for (const [key, values] of metadata) {
    const stringsSize = measureStrings(values);
    writer.byte(0x0a);
    writer.varint(measureEntry(key, stringsSize));
    writer.byte(0x0a);
    writer.text(key, textSize(key));
    writer.byte(0x12);
    writer.varint(stringsSize);
    for (const value of values) {
      writer.byte(0x0a);
      writer.text(value, textSize(value));
    }
  }
}
