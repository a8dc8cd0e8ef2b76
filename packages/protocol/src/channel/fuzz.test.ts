import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import fc from "fast-check";
import { NO_METADATA } from "../call.js";
import { createMetadata } from "../metadata.js";
import { corpusFrames } from "../testing/frame-corpus.js";
import { recordResponse } from "../testing/recorded-response.js";
import { createAssembly, createAssemblyBudget } from "./assembly.js";
import { createChannelClient } from "./client.js";
import { decodeRequest, decodeResponse } from "./decode.js";
import {
  encodeRequestHeaders,
  encodeRequestPacket,
  encodeReset,
  encodeResponseHeaders,
  encodeResponsePacket,
  encodeResponseTrailers,
} from "./encode.js";
import type { RequestFrame, ResponseFrame } from "./frame.js";
import { MAX_FRAME_BYTES } from "./limits.js";
import { createChannelServer } from "./server.js";

const RUNS = { seed: 20260821, numRuns: 3000 };

const metadata = createMetadata({ "viam-sid": "3f1c", opid: ["a", "b"], name: "caf\u00e9" });
const seeds: readonly Uint8Array[] = [
  ...corpusFrames(),
  encodeRequestHeaders(3, "/viam.component.motor.v1.MotorService/SetPower", metadata, 1500),
  encodeRequestPacket(3, new Uint8Array(40).fill(7), true),
  encodeReset(3),
  encodeResponseHeaders(3, metadata),
  encodeResponsePacket(3, new Uint8Array(40).fill(7), false),
  encodeResponseTrailers(3, { code: 5, message: "no such motor" }, metadata),
];

type Mutation = { at: number; kind: "flip" | "set" | "cut" | "insert" | "double"; value: number };

function mutate(frame: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = [...frame];
  for (const { at, kind, value } of mutations) {
    const place = bytes.length === 0 ? 0 : at % bytes.length;
    if (kind === "flip") bytes[place] = (bytes[place] ?? 0) ^ (1 << (value % 8));
    else if (kind === "set") bytes[place] = value;
    else if (kind === "cut") bytes = bytes.slice(0, place);
    else if (kind === "insert") bytes.splice(place, 0, value);
    else bytes = [...bytes, ...bytes.slice(place)];
  }
  return Uint8Array.from(bytes);
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(500),
  kind: fc.constantFrom("flip", "set", "cut", "insert", "double"),
  value: fc.integer({ min: 0, max: 255 }),
});
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.tuple(fc.constantFrom(...seeds), fc.array(mutation, { maxLength: 4 })).map(([frame, list]) => mutate(frame, list)),
);

test("decoding takes any bytes: it gives a frame or bad_frame, never anything else, and never what was not there", () => {
  const check = (frame: Uint8Array) => {
    for (const decode of [decodeRequest, decodeResponse] as ((bytes: Uint8Array) => RequestFrame | ResponseFrame)[]) {
      try {
        const decoded = decode(frame);
        assert.ok(Number.isSafeInteger(decoded.streamId) && decoded.streamId >= 0);
        if (decoded.kind === "message") assert.ok(decoded.data.length <= frame.length);
        if (decoded.kind === "headers" && "method" in decoded && decoded.timeoutMs !== undefined) {
          assert.ok(decoded.timeoutMs >= 0 && decoded.timeoutMs <= 2 ** 31 - 1);
        }
        if (decoded.kind === "trailers") assert.ok(decoded.status.code >= 0 && decoded.status.code <= 16);
      } catch (error) {
        assert.ok(error instanceof VigilError && error.reason === "bad_frame", String(error));
      }
    }
  };
  for (const frame of seeds) check(frame);
  fc.assert(fc.property(hostile, check), RUNS);
});

test("a server survives any run of frames, keeps its limits and ends every call once", () => {
  const limits = { maxMessageBytes: 2000, maxStreams: 4, maxAssemblyBytes: 4000 };
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 60 }), (frames) => {
      let opened = 0;
      let over = 0;
      const server = createChannelServer(
        {
          handler(_start, response) {
            opened++;
            let ended = false;
            return {
              message(bytes) {
                assert.ok(!ended && bytes.length <= limits.maxMessageBytes);
                if (bytes.length % 3 !== 0) return;
                ended = true;
                over++;
                response.message(bytes);
                response.trailers({ code: 0, message: "" });
              },
              end: () => assert.ok(!ended),
              cancel() {
                assert.ok(!ended, "cancelled after its end");
                ended = true;
                over++;
              },
            };
          },
          send: (frame) => assert.ok(frame.length <= MAX_FRAME_BYTES),
        },
        limits,
      );
      for (const frame of frames) {
        server.receive(frame);
        assert.ok(server.openCalls <= limits.maxStreams);
        assert.equal(server.openCalls, opened - over);
      }
      server.closeAll({ code: 14, message: "bye" });
      assert.deepEqual([server.openCalls, over], [0, opened]);
    }),
    { ...RUNS, numRuns: 400 },
  );
});

test("a client survives any run of frames and ends every call once", () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 60 }), (frames) => {
      const client = createChannelClient({ send() {} }, { maxMessageBytes: 2000, maxAssemblyBytes: 4000 });
      const responses = [0, 1, 2, 3].map(() => recordResponse());
      for (const response of responses)
        client.call({ method: "/a.B/C", metadata: NO_METADATA, timeoutMs: undefined }, response);
      for (const frame of frames) client.receive(frame);
      client.closeAll({ code: 14, message: "bye" });
      for (const { ends, headersSeen, messages } of responses) {
        assert.equal(ends.length, 1);
        assert.ok(headersSeen.length <= 1);
        assert.ok(messages.every((message) => message.length <= 2000));
      }
      assert.equal(client.openCalls, 0);
    }),
    { ...RUNS, numRuns: 400 },
  );
});

test("assemblies hold what they may and give it back", () => {
  const step = fc.record({ stream: fc.nat(3), bytes: fc.nat(90_000), eom: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const budget = createAssemblyBudget(300_000);
      const parts = [0, 1, 2, 3].map(() => ({ assembly: createAssembly(budget, 200_000), length: 0 }));
      for (const { stream, bytes, eom } of steps) {
        const part = parts[stream]!;
        const added = part.assembly.add(new Uint8Array(bytes), eom);
        part.length += bytes;
        if (added instanceof Uint8Array) assert.equal(added.length, part.length);
        if (added !== undefined) part.length = 0;
        assert.ok(budget.heldBytes >= 0 && budget.heldBytes <= 300_000);
      }
      for (const { assembly } of parts) assembly.drop();
      assert.equal(budget.heldBytes, 0);
    }),
    { ...RUNS, numRuns: 300 },
  );
});

test("a message of the largest size, packet by packet, holds no more than itself", () => {
  const budget = createAssemblyBudget(2 ** 25);
  const assembly = createAssembly(budget, 2 ** 25);
  const packet = new Uint8Array(16_384).fill(9);
  for (let at = 0; at < 2047; at++) assert.equal(assembly.add(packet, false), undefined);
  const message = assembly.add(packet, true);
  assert.ok(message instanceof Uint8Array);
  assert.deepEqual(
    [message.length, message.at(-1), message.buffer.byteLength <= 2 ** 25, budget.heldBytes],
    [2 ** 25, 9, true, 0],
  );
  assert.equal(assembly.add(packet, false), undefined);
  for (let at = 1; at < 2048; at++) assembly.add(packet, false);
  assert.equal(assembly.add(new Uint8Array(1), false), "too_large");
});
