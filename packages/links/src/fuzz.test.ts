import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom, VigilError } from "@vigil/shared";
import fc from "fast-check";
import { compatible, decodeControl } from "./control.js";
import { createGatewayHandshake, createPartHandshake } from "./handshake.js";
import { readLeaseReply } from "./lease-frames.js";
import { decodeLinkFrame } from "./link-frame.js";
import { LINK_FRAME_CORPUS, linkFrames } from "./testing/frame-corpus.js";

/** FUZZ_SEED gives other changes; a failure names its seed. */
const RUNS = { seed: Number(process.env.FUZZ_SEED ?? 20_261_123), numRuns: 5000 };

type Change = { at: number; kind: "flip" | "set" | "cut" | "insert" | "double"; value: number };

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(200),
  kind: fc.constantFrom("flip", "set", "cut", "insert", "double"),
  value: fc.nat(255),
});

function changed(frame: Uint8Array, changes: readonly Change[]): Uint8Array {
  let bytes = [...frame];
  for (const { at, kind, value } of changes) {
    const place = bytes.length === 0 ? 0 : at % bytes.length;
    if (kind === "flip") bytes[place] = (bytes[place] ?? 0) ^ (1 << (value % 8));
    else if (kind === "set") bytes[place] = value;
    else if (kind === "cut") bytes = bytes.slice(0, place);
    else if (kind === "insert") bytes.splice(place, 0, value);
    else bytes = [...bytes, ...bytes.slice(place)];
  }
  return Uint8Array.from(bytes);
}

const hostile = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...linkFrames()), fc.array(change, { maxLength: 4 }))
      .map(([frame, changes]) => changed(frame, changes)),
  },
);

/** Only an error that says what is wrong may come of it. */
function orRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof VigilError, String(error));
    assert.match(error.message, /^[\x20-\x7e]*$/);
    return undefined;
  }
}

test("decoding takes any bytes: it gives a frame or a refusal, never more bytes than there were", () => {
  const check = (bytes: Uint8Array) => {
    const message = orRefused(() => decodeControl(bytes));
    if (message?.case === "hello") compatible(message.value.protocol);
    if (message?.case === "leaseReply") orRefused(() => readLeaseReply(message.value));
    const data = orRefused(() => decodeLinkFrame(bytes));
    if (data) assert.ok(data.frame.length <= bytes.length && data.tick >= 0);
  };
  for (const bytes of linkFrames()) check(bytes);
  fc.assert(fc.property(hostile, check), RUNS);
});

test("the corpus holds what it says: what is real is understood", () => {
  const caseOf = (name: string) => decodeControl(Buffer.from(LINK_FRAME_CORPUS[name]!, "hex"))?.case;
  for (const name of ["hello", "challenge", "proof", "welcome", "refusal", "probe"]) assert.equal(caseOf(name), name);
  assert.equal(caseOf("frame of a kind to come"), undefined);
  assert.equal(decodeLinkFrame(Buffer.from(LINK_FRAME_CORPUS["data frame, request"]!, "hex")).tick, 5);
});

test("no run of frames gets through a handshake without the secret, on either side", () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 12 }), (frames) => {
      const identity = { name: "arm", secret: "s3cret", bootId: "b", generation: 0 };
      const ends = [
        createGatewayHandshake({ random: systemRandom, send() {}, secretOf: () => "s3cret" }, "test"),
        createPartHandshake({ random: systemRandom, send() {} }, identity, "test"),
      ];
      for (const end of ends) {
        for (const bytes of frames) {
          const message = orRefused(() => decodeControl(bytes));
          if (message)
            assert.equal(
              orRefused(() => end.receive(message)),
              undefined,
            );
        }
      }
    }),
    { ...RUNS, numRuns: 1000 },
  );
});
