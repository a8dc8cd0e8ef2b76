import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Code, VigilError } from "@vigil/shared";
import fc from "fast-check";
import type { Metadata, Status } from "../call.js";
import { type Request, RequestSchema, type Response, ResponseSchema } from "../gen/proto/rpc/webrtc/v1/grpc_pb.js";
import { decodeRequest, decodeResponse } from "./decode.js";
import {
  encodeRequestEnd,
  encodeRequestHeaders,
  encodeRequestPacket,
  encodeReset,
  encodeResponseHeaders,
  encodeResponsePacket,
  encodeResponseTrailers,
} from "./encode.js";
import type { RequestFrame, ResponseFrame } from "./frame.js";

// Both directions are held against the generated code: it is the reference.

const RUNS = { seed: 84260, numRuns: 500 };

const streamId = fc.oneof(fc.nat(300), fc.maxSafeNat());
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ minLength: 40, maxLength: 300 }),
);
const key = fc.string({ minLength: 1, maxLength: 20 }).map((each) => each.toLowerCase());
const metadata: fc.Arbitrary<Metadata> = fc
  .array(fc.tuple(key, fc.array(text, { maxLength: 3 })), { maxLength: 5 })
  .map((entries) => new Map(entries));
const bytes = fc.uint8Array({ maxLength: 300 });
const statusArbitrary: fc.Arbitrary<Status> = fc.record({
  code: fc.integer({ min: 0, max: 16 }) as fc.Arbitrary<Code>,
  message: text,
});

const readRequest = (frame: Uint8Array): Request => fromBinary(RequestSchema, frame);
const readResponse = (frame: Uint8Array): Response => fromBinary(ResponseSchema, frame);

function plain(metadataMessage: { md: Record<string, { values: string[] }> } | undefined): Metadata {
  return new Map(Object.entries(metadataMessage?.md ?? {}).map(([name, { values }]) => [name.toLowerCase(), values]));
}

function toMd(map: Metadata): { md: Record<string, { values: string[] }> } {
  return { md: Object.fromEntries([...map].map(([name, values]) => [name, { values: [...values] }])) };
}

test("request frames are read by the generated code as they were written", () => {
  fc.assert(
    fc.property(
      streamId,
      text,
      metadata,
      fc.option(fc.nat(10 ** 9), { nil: undefined }),
      (id, method, map, timeoutMs) => {
        const { stream, type } = readRequest(encodeRequestHeaders(id, method, map, timeoutMs));
        assert.equal(stream?.id, BigInt(id));
        assert.ok(type.case === "headers");
        assert.equal(type.value.method, method);
        assert.deepEqual(plain(type.value.metadata), map);
        const { timeout } = type.value;
        assert.equal(timeout && Number(timeout.seconds) * 1000 + timeout.nanos / 1e6, timeoutMs);
      },
    ),
    RUNS,
  );
  fc.assert(
    fc.property(streamId, bytes, fc.boolean(), fc.boolean(), (id, data, eom, eos) => {
      const { stream, type } = readRequest(encodeRequestPacket(id, data, eom, eos));
      assert.equal(stream?.id, BigInt(id));
      assert.ok(type.case === "message");
      const { hasMessage, packetMessage } = type.value;
      assert.deepEqual([hasMessage, packetMessage?.eom, type.value.eos], [true, eom, eos]);
      assert.deepEqual(packetMessage?.data, data);
    }),
    RUNS,
  );
  const end = readRequest(encodeRequestEnd(7)).type;
  assert.ok(end.case === "message");
  assert.deepEqual([end.value.hasMessage, end.value.eos, end.value.packetMessage], [false, true, undefined]);
  assert.deepEqual(readRequest(encodeReset(7)).type, { case: "rstStream", value: true });
});

test("response frames are read by the generated code as they were written", () => {
  fc.assert(
    fc.property(streamId, metadata, bytes, fc.boolean(), statusArbitrary, (id, map, data, eom, status) => {
      const headers = readResponse(encodeResponseHeaders(id, map));
      assert.equal(headers.stream?.id, BigInt(id));
      assert.ok(headers.type.case === "headers");
      assert.deepEqual(plain(headers.type.value.metadata), map);

      const message = readResponse(encodeResponsePacket(id, data, eom)).type;
      assert.ok(message.case === "message");
      assert.deepEqual(message.value.packetMessage?.data, data);
      assert.equal(message.value.packetMessage?.eom, eom);

      const trailers = readResponse(encodeResponseTrailers(id, status, map)).type;
      assert.ok(trailers.case === "trailers");
      assert.equal(trailers.value.status?.code, status.code);
      assert.equal(trailers.value.status?.message, status.message);
      assert.deepEqual(plain(trailers.value.metadata), map);
    }),
    RUNS,
  );
});

test("a status with details goes out and comes in as the bytes it was", () => {
  const details = Uint8Array.from([8, 5, 18, 2, 110, 111, 26, 5, 10, 1, 97, 18, 0]);
  const frame = encodeResponseTrailers(1, { code: 2, message: "ignored", details }, new Map());
  const trailers = decodeResponse(frame);
  assert.ok(trailers.kind === "trailers");
  assert.deepEqual(trailers.status, { code: 5, message: "no", details });
});

const duration = fc.record({ seconds: fc.bigInt(-5n, 10n ** 7n), nanos: fc.integer({ min: 0, max: 999_999_999 }) });
const optional = <T>(inner: fc.Arbitrary<T>) => fc.option(inner, { nil: undefined });
const packet = optional(fc.record({ data: bytes, eom: fc.boolean() }));

const requestType: fc.Arbitrary<MessageInitShape<typeof RequestSchema>["type"]> = fc.oneof(
  fc.record({
    case: fc.constant("headers" as const),
    value: fc.record({ method: text, metadata: optional(metadata.map(toMd)), timeout: optional(duration) }),
  }),
  fc.record({
    case: fc.constant("message" as const),
    value: fc.record({ hasMessage: fc.boolean(), packetMessage: packet, eos: fc.boolean() }),
  }),
  fc.record({ case: fc.constant("rstStream" as const), value: fc.boolean() }),
);
const responseType: fc.Arbitrary<MessageInitShape<typeof ResponseSchema>["type"]> = fc.oneof(
  fc.record({ case: fc.constant("headers" as const), value: fc.record({ metadata: optional(metadata.map(toMd)) }) }),
  fc.record({ case: fc.constant("message" as const), value: fc.record({ packetMessage: packet }) }),
  fc.record({
    case: fc.constant("trailers" as const),
    value: fc.record({
      status: optional(fc.record({ code: fc.integer({ min: 0, max: 16 }), message: text })),
      metadata: optional(metadata.map(toMd)),
    }),
  }),
);
const stream = streamId.map((id) => ({ id: BigInt(id) }));
/** A field that nobody knows: number 100, a varint, and 101, three bytes. */
const unknown = fc.constantFrom(
  new Uint8Array(0),
  Uint8Array.from([0xa0, 0x06, 0x96, 0x01, 0xaa, 0x06, 0x03, 1, 2, 3]),
);

function expectedRequest(message: Request): RequestFrame {
  const { type } = message;
  const id = Number(message.stream!.id);
  switch (type.case) {
    case "headers": {
      const { method, metadata: md, timeout } = type.value;
      const timeoutMs =
        timeout && Math.min(Math.max(Number(timeout.seconds) * 1000 + timeout.nanos / 1e6, 0), 2 ** 31 - 1);
      return { kind: "headers", streamId: id, method, metadata: plain(md), timeoutMs };
    }
    case "message": {
      const { hasMessage, packetMessage, eos } = type.value;
      const data = packetMessage?.data ?? new Uint8Array(0);
      return { kind: "message", streamId: id, hasMessage, data, eom: packetMessage?.eom ?? false, eos };
    }
    case "rstStream":
      return { kind: "reset", streamId: id, rst: type.value };
    case undefined:
      return { kind: "empty", streamId: id };
  }
}

function expectedResponse(message: Response): ResponseFrame {
  const { type } = message;
  const id = Number(message.stream!.id);
  switch (type.case) {
    case "headers":
      return { kind: "headers", streamId: id, metadata: plain(type.value.metadata) };
    case "message": {
      const { data = new Uint8Array(0), eom = false } = type.value.packetMessage ?? {};
      return { kind: "message", streamId: id, data, eom };
    }
    case "trailers": {
      const code = (type.value.status?.code ?? 0) as Code;
      const status = { code, message: code === 0 ? "" : (type.value.status?.message ?? "") };
      return { kind: "trailers", streamId: id, status, metadata: plain(type.value.metadata) };
    }
    case undefined:
      return { kind: "empty", streamId: id };
  }
}

test("what the generated code writes is read as the generated code reads it, also merged from two and with unknown fields", () => {
  fc.assert(
    fc.property(stream, requestType, optional(requestType), unknown, (id, first, second, extra) => {
      const parts = [toBinary(RequestSchema, create(RequestSchema, { stream: id, type: first })), extra];
      if (second !== undefined) parts.push(toBinary(RequestSchema, create(RequestSchema, { type: second })));
      const frame = Uint8Array.from(Buffer.concat(parts));
      assert.deepEqual(decodeRequest(frame), expectedRequest(readRequest(frame)));
    }),
    RUNS,
  );
  fc.assert(
    fc.property(stream, responseType, optional(responseType), unknown, (id, first, second, extra) => {
      const parts = [toBinary(ResponseSchema, create(ResponseSchema, { stream: id, type: first })), extra];
      if (second !== undefined) parts.push(toBinary(ResponseSchema, create(ResponseSchema, { type: second })));
      const frame = Uint8Array.from(Buffer.concat(parts));
      const decoded = decodeResponse(frame);
      const expected = expectedResponse(readResponse(frame));
      assert.deepEqual(decoded, expected);
    }),
    RUNS,
  );
});

test("frames that are no frames are refused with bad_frame", () => {
  const refused: readonly (readonly [string, readonly number[]])[] = [
    ["nothing at all", []],
    ["no stream", [0x20, 0x01]],
    ["cut inside a length", [0x0a]],
    ["a length beyond the end", [0x0a, 0x05, 0x08]],
    ["a varint without an end", [0x0a, 0x0b, 0x08, ...Array<number>(10).fill(0xff)]],
    ["a stream id beyond 2^53", [0x0a, 0x0b, 0x08, ...Array<number>(9).fill(0xff), 0x01]],
    ["field number 0", [0x0a, 0x00, 0x02, 0x00]],
    ["a group", [0x0a, 0x00, 0x33, 0x34]],
    ["a method that is not UTF-8", [0x0a, 0x00, 0x12, 0x04, 0x0a, 0x02, 0xc3, 0x28]],
  ];
  for (const [what, frame] of refused) {
    assert.throws(
      () => decodeRequest(Uint8Array.from(frame)),
      (error) => error instanceof VigilError && error.reason === "bad_frame",
      what,
    );
  }
});
