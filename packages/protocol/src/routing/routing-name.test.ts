import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { FileDescriptorResponseSchema } from "../gen/grpc/reflection/v1/reflection_pb.js";
import { DoCommandRequestSchema, GetPropertiesRequestSchema } from "../gen/viam/common/v1/common_pb.js";
import { corpusFrames } from "../testing/frame-corpus.js";
import { firstName, rewriteFirstName, rewriteRoutingName, routingName } from "./routing-name.js";

const RUNS = { seed: 577, numRuns: 2000 };
const SET_POWER = "/viam.component.motor.v1.MotorService/SetPower";
const PLAY_STREAM = "/viam.component.audioout.v1.AudioOutService/PlayStream";

/** A byte order mark at the start is dropped by the generated code's decoder, and is no name anyway. */
const name = fc.string({ unit: "grapheme", maxLength: 40 }).filter((each) => !each.startsWith("\ufeff"));
const key = fc.string().filter((each) => each !== "__proto__");
const request = fc
  .record({
    name,
    command: fc.dictionary(key, fc.oneof(fc.string(), fc.double({ noNaN: true })), { noNullPrototype: true }),
  })
  .map((init) => create(DoCommandRequestSchema, init));
const field = (tag: number, bytes: Uint8Array) => Uint8Array.from([tag, bytes.length, ...bytes]);

test("the name is what the generated code reads, and rewriting changes it and nothing else", () => {
  fc.assert(
    fc.property(request, name, (message, renamed) => {
      const bytes = toBinary(DoCommandRequestSchema, message);
      assert.equal(firstName(bytes), message.name);
      assert.equal(routingName(SET_POWER, bytes), message.name);
      for (const rewritten of [rewriteFirstName(bytes, renamed), rewriteRoutingName(SET_POWER, bytes, renamed)]) {
        assert.deepEqual(fromBinary(DoCommandRequestSchema, rewritten!), { ...message, name: renamed });
      }
    }),
    RUNS,
  );
});

test("the three methods with their name one message deeper", () => {
  fc.assert(
    fc.property(request, name, fc.boolean(), (message, renamed, chunk) => {
      // As FileDescriptorResponse says: field 1 holds bytes, and unknown fields are kept.
      const outer = create(FileDescriptorResponseSchema, {
        fileDescriptorProto: [toBinary(DoCommandRequestSchema, message)],
      });
      if (chunk) outer.$unknown = [{ no: 2, wireType: 2, data: Uint8Array.from([1, 42]) }];
      const bytes = toBinary(FileDescriptorResponseSchema, outer);
      for (const method of [
        PLAY_STREAM,
        "/viam.service.shell.v1.ShellService/CopyFilesToMachine",
        "/viam.service.shell.v1.ShellService/CopyFilesFromMachine",
      ]) {
        assert.equal(routingName(method, bytes), message.name);
        const rewritten = rewriteRoutingName(method, bytes, renamed)!;
        assert.equal(routingName(method, rewritten), renamed);
        const read = fromBinary(FileDescriptorResponseSchema, rewritten);
        assert.deepEqual(read.$unknown, outer.$unknown);
        const inner = fromBinary(DoCommandRequestSchema, read.fileDescriptorProto[0]!);
        assert.deepEqual(inner, { ...message, name: renamed });
      }
    }),
    { ...RUNS, numRuns: 300 },
  );
});

test("an absent name is empty; one that could be read in two ways is none", () => {
  const twice = Uint8Array.from([0x0a, 1, 97, 0x0a, 1, 98]);
  const overlongTag = Uint8Array.from([0x0a, 1, 97, 0x8a, 0x00, 1, 98]);
  const asNumber = Uint8Array.from([0x08, 1]);
  const notText = Uint8Array.from([0x0a, 2, 0xc3, 0x28]);
  const behindGroup = Uint8Array.from([0x13, 0x0a, 1, 97, 0x14]);
  assert.equal(firstName(new Uint8Array(0)), "");
  assert.equal(firstName(Uint8Array.from([0x12, 1, 97])), "");
  assert.deepEqual([...rewriteFirstName(new Uint8Array(0), "m")!], [0x0a, 1, 109]);
  for (const bytes of [twice, overlongTag, asNumber, notText, behindGroup]) {
    assert.equal(firstName(bytes), undefined);
    assert.equal(rewriteFirstName(bytes, "m"), undefined);
    assert.equal(routingName(PLAY_STREAM, field(0x0a, bytes)), undefined);
    assert.equal(rewriteRoutingName(PLAY_STREAM, field(0x0a, bytes), "m"), undefined);
  }
  assert.equal(routingName(PLAY_STREAM, Uint8Array.from([0x0a, 0, 0x0a, 3, 0x0a, 1, 97])), undefined);
});

test("a name in overlong but legal form is found", () => {
  assert.equal(firstName(Uint8Array.from([0x8a, 0x00, 0x81, 0x00, 97])), "a");
});

test("any bytes: whenever a name is given, the generated code reads the same one", () => {
  const check = (bytes: Uint8Array) => {
    const found = firstName(bytes);
    if (found !== undefined) {
      const rewritten = rewriteFirstName(bytes, "renamed")!;
      assert.equal(firstName(rewritten), "renamed");
      let read: string | undefined;
      try {
        read = fromBinary(GetPropertiesRequestSchema, bytes).name;
      } catch {
        // The rest of it is no such message: the serving part will refuse it.
      }
      if (read !== undefined && !found.startsWith("\ufeff")) assert.equal(found, read);
    }
    routingName(PLAY_STREAM, bytes);
    rewriteRoutingName(PLAY_STREAM, bytes, "x");
  };
  for (const frame of corpusFrames()) check(frame);
  const byte = fc.oneof(
    fc.constantFrom(0x0a, 0x01, 0x02, 0x00, 0x12, 0x8a, 0x80, 0x61),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 24 }).map((bytes) => Uint8Array.from(bytes)),
      check,
    ),
    { seed: 577, numRuns: 20_000 },
  );
});
