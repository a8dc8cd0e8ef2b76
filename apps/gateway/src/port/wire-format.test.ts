import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetadata, type Status } from "@vigil/protocol";
import { Code } from "@vigil/shared";
import fc from "fast-check";
import { createBase64Decoder } from "./base64-text.js";
import { callType } from "./content-type.js";
import { createEnvelopeReader, envelope } from "./envelope.js";
import { percentEncode, readMetadata, sendableFields, statusFields } from "./metadata.js";

const bytes = fc.uint8Array({ maxLength: 40_000 });

/** A buffer in pieces of the given sizes, in turn. */
function* pieces(whole: Buffer, sizes: number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < whole.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    yield whole.subarray(at, at + size);
    at += size;
  }
}

const cuts = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });

test("envelopes: what was wrapped comes out, however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), cuts, (messages, sizes) => {
      const seen: Uint8Array[] = [];
      const reader = createEnvelopeReader(
        (message) => seen.push(message),
        (status) => assert.fail(status.message),
      );
      const whole = Buffer.concat(messages.flatMap((message) => envelope(message)));
      for (const piece of pieces(whole, sizes)) reader.push(piece);
      assert.equal(reader.end(), true);
      assert.deepEqual(
        seen.map((each) => Buffer.from(each)),
        messages.map((each) => Buffer.from(each)),
      );
    }),
  );
});

test("envelopes: any bytes give messages and at most one failure, after which nothing comes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (noise, sizes) => {
      const failures: Status[] = [];
      let after = 0;
      const reader = createEnvelopeReader(
        () => {
          after += failures.length;
        },
        (status) => failures.push(status),
      );
      for (const piece of pieces(Buffer.from(noise), sizes)) reader.push(piece);
      assert.equal(reader.end(), failures.length === 0);
      assert.ok(failures.length <= 1);
      assert.equal(after, 0);
    }),
  );
});

test("envelopes: a length that is only claimed takes no memory", () => {
  const reader = createEnvelopeReader(
    () => undefined,
    (status) => assert.fail(status.message),
  );
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 100 }, () =>
    createEnvelopeReader(
      () => undefined,
      () => undefined,
    ),
  );
  for (const each of [reader, ...readers]) each.push(Buffer.of(0, 2, 0, 0, 0, 1, 2, 3));
  assert.ok(process.memoryUsage().arrayBuffers - before < 20 * 2 ** 20);
});

test("base64 text: decodes with padding inside, however it is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { minLength: 1 }), cuts, (parts, sizes) => {
      const text = Buffer.from(parts.map((part) => Buffer.from(part).toString("base64")).join(""));
      const decoder = createBase64Decoder();
      const decoded = [
        ...pieces(
          text,
          sizes.map((size) => (size % 9) + 1),
        ),
      ].map((piece) => decoder.push(piece));
      assert.equal(decoder.end(), true);
      assert.deepEqual(Buffer.concat(decoded), Buffer.concat(parts));
    }),
  );
});

test("grpc-message: printable ASCII that decodes to the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const encoded = percentEncode(text);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeURIComponent(encoded), Buffer.from(text).toString());
    }),
  );
});

test("metadata: nothing of the hop, the browser or the framing passes in or out", () => {
  const hop = ["Host", "Cookie", "sec-fetch-mode", "origin", "te", "grpc-timeout", "content-type", "x-forwarded-for"];
  const raw = [":path", "/a/b", ...hop.flatMap((name) => [name, "x"]), "Authorization", "Bearer t", "viam-sid", "1"];
  assert.deepEqual([...readMetadata(raw).keys()], ["authorization", "viam-sid"]);
  const out = createMetadata({
    "grpc-status": "0",
    "set-cookie": "a",
    "x-a": ["1", "b\r\nc"],
    ":status": "1",
    "x b": "1",
  });
  assert.deepEqual(sendableFields(out), [["x-a", ["1"]]]);
});

test("status: only the fields that say something", () => {
  assert.deepEqual(statusFields({ code: Code.ok, message: "" }), [["grpc-status", "0"]]);
  const full = statusFields({ code: Code.aborted, message: "50%", details: Uint8Array.of(1) });
  assert.deepEqual(full, [
    ["grpc-status", "10"],
    ["grpc-message", "50%25"],
    ["grpc-status-details-bin", "AQ"],
  ]);
});

test("content types", () => {
  const expected = {
    "application/grpc": "grpc",
    "application/grpc+proto": "grpc",
    "Application/gRPC; charset=utf-8": "grpc",
    "application/grpc-web+proto": "grpc-web",
    "application/grpc-web-text": "grpc-web-text",
    "application/grpc+json": "grpc-other",
    "application/json": undefined,
    "text/plain": undefined,
  };
  for (const [type, call] of Object.entries(expected)) assert.equal(callType(type), call, type);
  assert.equal(callType(undefined), undefined);
});
