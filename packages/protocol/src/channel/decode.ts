import { Code } from "@vigil/shared";
import { type Metadata, NO_METADATA, OK, type Status } from "../call.js";
import { MAX_TIMEOUT_MS } from "../call-timeout.js";
import { malformed, WireReader } from "../wire.js";
import type {
  EmptyFrame,
  RequestFrame,
  RequestMessageFrame,
  ResetFrame,
  ResponseFrame,
  ResponseHeadersFrame,
  ResponseMessageFrame,
} from "./frame.js";

// Fields that come more than once merge as protobuf says: the last scalar wins, messages add up.

const EMPTY = new Uint8Array(0);

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** @throws VigilError "bad_frame" */
export function decodeRequest(bytes: Uint8Array): RequestFrame {
  const reader = new WireReader(bytes);
  let streamId = -1;
  let frame: HeadersDraft | Draft<RequestMessageFrame> | Draft<ResetFrame> | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) streamId = readStreamId(reader.message(), streamId);
    else if (tag === 0x12) {
      if (frame?.kind !== "headers") {
        frame = { kind: "headers", method: "", metadata: NO_METADATA, timeout: undefined };
      }
      readRequestHeaders(reader.message(), frame);
    } else if (tag === 0x1a) {
      if (frame?.kind !== "message") {
        frame = { kind: "message", streamId: 0, hasMessage: false, data: EMPTY, eom: false, eos: false };
      }
      readRequestMessage(reader.message(), frame);
    } else if (tag === 0x20) frame = { kind: "reset", streamId: 0, rst: reader.bool() };
    else reader.skip(tag);
  }
  if (frame?.kind !== "headers") return withStreamId(frame, streamId);
  const { method, metadata, timeout } = frame;
  return withStreamId(
    { kind: "headers", streamId: 0, method, metadata, timeoutMs: timeout && timeoutOf(timeout) },
    streamId,
  );
}

/** @throws VigilError "bad_frame" */
export function decodeResponse(bytes: Uint8Array): ResponseFrame {
  const reader = new WireReader(bytes);
  let streamId = -1;
  let frame: Draft<ResponseHeadersFrame> | Draft<ResponseMessageFrame> | TrailersDraft | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) streamId = readStreamId(reader.message(), streamId);
    else if (tag === 0x12) {
      if (frame?.kind !== "headers") frame = { kind: "headers", streamId: 0, metadata: NO_METADATA };
      frame.metadata = readHeaders(reader.message(), frame.metadata);
    } else if (tag === 0x1a) {
      if (frame?.kind !== "message") frame = { kind: "message", streamId: 0, data: EMPTY, eom: false };
      readResponseMessage(reader.message(), frame);
    } else if (tag === 0x22) {
      if (frame?.kind !== "trailers") {
        frame = { kind: "trailers", streamId: 0, code: 0, message: "", metadata: NO_METADATA };
      }
      readTrailers(reader.message(), frame);
    } else reader.skip(tag);
  }
  if (frame?.kind !== "trailers") return withStreamId(frame, streamId);
  const status = frame.code === 0 && !frame.details ? OK : statusFrom(frame);
  return withStreamId({ kind: "trailers", streamId: 0, status, metadata: frame.metadata }, streamId);
}

interface TrailersDraft {
  kind: "trailers";
  streamId: number;
  code: number;
  message: string;
  details?: Uint8Array;
  metadata: Metadata;
}

function withStreamId<F extends { streamId: number }>(frame: F | undefined, streamId: number): F | EmptyFrame {
  if (streamId < 0) malformed("frame without a stream");
  if (frame === undefined) return { kind: "empty", streamId };
  frame.streamId = streamId;
  return frame;
}

function readStreamId(reader: WireReader, earlier: number): number {
  let id = Math.max(earlier, 0);
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x08) id = reader.varint();
    else reader.skip(tag);
  }
  return id;
}

interface HeadersDraft {
  kind: "headers";
  method: string;
  metadata: Metadata;
  timeout: Duration | undefined;
}

interface Duration {
  seconds: number;
  nanos: number;
}

function readRequestHeaders(reader: WireReader, frame: HeadersDraft): void {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) frame.method = reader.text();
    else if (tag === 0x12) frame.metadata = readMetadata(reader.message(), frame.metadata);
    else if (tag === 0x1a) frame.timeout = readDuration(reader.message(), frame.timeout);
    else reader.skip(tag);
  }
}

function readDuration(reader: WireReader, duration: Duration = { seconds: 0, nanos: 0 }): Duration {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x08) duration.seconds = reader.int64();
    else if (tag === 0x10) duration.nanos = reader.int32();
    else reader.skip(tag);
  }
  return duration;
}

function timeoutOf({ seconds, nanos }: Duration): number {
  return Math.min(Math.max(seconds * 1000 + nanos / 1e6, 0), MAX_TIMEOUT_MS);
}

function readRequestMessage(reader: WireReader, frame: Draft<RequestMessageFrame>): void {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x08) frame.hasMessage = reader.bool();
    else if (tag === 0x12) readPacket(reader.message(), frame);
    else if (tag === 0x18) frame.eos = reader.bool();
    else reader.skip(tag);
  }
}

function readResponseMessage(reader: WireReader, frame: Draft<ResponseMessageFrame>): void {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) readPacket(reader.message(), frame);
    else reader.skip(tag);
  }
}

function readPacket(reader: WireReader, frame: { data: Uint8Array; eom: boolean }): void {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) frame.data = reader.view();
    else if (tag === 0x10) frame.eom = reader.bool();
    else reader.skip(tag);
  }
}

function readHeaders(reader: WireReader, earlier: Metadata): Metadata {
  let metadata = earlier;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) metadata = readMetadata(reader.message(), metadata);
    else reader.skip(tag);
  }
  return metadata;
}

function readTrailers(reader: WireReader, frame: TrailersDraft): void {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) readStatus(reader.message(), frame);
    else if (tag === 0x12) frame.metadata = readMetadata(reader.message(), frame.metadata);
    else reader.skip(tag);
  }
}

function readStatus(reader: WireReader, frame: TrailersDraft): void {
  const whole = reader.bytes.subarray(reader.pos, reader.end);
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x08) frame.code = reader.int32();
    else if (tag === 0x12) frame.message = reader.text();
    else {
      if (tag === 0x1a) frame.details = whole.slice();
      reader.skip(tag);
    }
  }
}

function statusFrom(frame: TrailersDraft): Status {
  const known = Number.isInteger(frame.code) && frame.code >= Code.ok && frame.code <= Code.unauthenticated;
  const code = known ? (frame.code as Code) : Code.unknown;
  const { message, details } = frame;
  return details === undefined ? { code, message } : { code, message, details };
}

function readMetadata(reader: WireReader, earlier: Metadata): Metadata {
  const metadata = new Map(earlier);
  while (!reader.done) {
    const tag = reader.tag();
    if (tag !== 0x0a) {
      reader.skip(tag);
      continue;
    }
    const entry = reader.message();
    let key = "";
    let values: readonly string[] = [];
    while (!entry.done) {
      const inner = entry.tag();
      if (inner === 0x0a) key = entry.text();
      else if (inner === 0x12) values = readStrings(entry.message());
      else entry.skip(inner);
    }
    metadata.set(key.toLowerCase(), values);
  }
  return metadata.size === 0 ? NO_METADATA : metadata;
}

function readStrings(reader: WireReader): string[] {
  const values: string[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) values.push(reader.text());
    else reader.skip(tag);
  }
  return values;
}
