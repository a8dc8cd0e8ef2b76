import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DtlsRecord } from "../dtls-records.js";
import { type Forwarder, isApplicationRecord, isDtlsDatagram } from "../testing/forwarder.js";
import { linkRig } from "../testing/rig.js";
import { createOrderedHandshake } from "./ordered-handshake.js";

/** Every handshake datagram twice. */
const doubling = (forwarder: Forwarder) => {
  forwarder.toClient = (datagram) => {
    if (isDtlsDatagram(datagram) && !isApplicationRecord(datagram)) forwarder.injectToClient(datagram);
    return true;
  };
  forwarder.toServer = (datagram) => {
    if (isDtlsDatagram(datagram) && !isApplicationRecord(datagram)) forwarder.injectToServer(datagram);
    return true;
  };
};

test("a handshake whose datagrams all come twice succeeds", async () => {
  const rig = await linkRig({ forwarded: doubling });
  assert.equal(rig.server.state, "open");
  await rig.close();
});

test("without it the second HelloVerifyRequest fails the connection", async () => {
  await assert.rejects(
    linkRig({ forwarded: doubling, answerer: { without: ["ordered-handshake"] }, dialer: { openTimeoutMs: 2000 } }),
  );
});

interface Piece {
  sequence: number;
  offset: number;
  body: Buffer;
  length: number;
}

function record({ sequence, offset, body, length }: Piece): DtlsRecord {
  const fragment = Buffer.alloc(12 + body.length);
  fragment.writeUInt8(11, 0);
  fragment.writeUIntBE(length, 1, 3);
  fragment.writeUInt16BE(sequence, 4);
  fragment.writeUIntBE(offset, 6, 3);
  fragment.writeUIntBE(body.length, 9, 3);
  body.copy(fragment, 12);
  const header = {
    contentType: 22,
    protocolVersion: { major: 254, minor: 253 },
    epoch: 0,
    sequenceNumber: 0,
    contentLen: 0,
  };
  return { header, fragment, bytes: fragment };
}

test("any order of fragments, with repeats, yields each message once and in order", () => {
  const message = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes));
  const scenario = fc.tuple(
    fc.array(message, { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 1, max: 20 }),
    fc.infiniteStream(fc.nat()),
  );
  fc.assert(
    fc.property(scenario, ([messages, size, choices]) => {
      const pieces = messages.flatMap((body, sequence) => {
        const parts: Piece[] = [];
        for (let offset = 0; offset < body.length; offset += size) {
          parts.push({ sequence, offset, body: body.subarray(offset, offset + size), length: body.length });
        }
        return [...parts, parts[0]!];
      });
      const inbox = createOrderedHandshake();
      const out: Buffer[] = [];
      while (pieces.length > 0) {
        const [piece] = pieces.splice(choices.next().value % pieces.length, 1);
        out.push(...inbox.receive(record(piece!)).messages);
      }
      assert.deepEqual(
        out.map((bytes) => bytes.subarray(13 + 12)),
        messages,
      );
    }),
    { seed: 11, numRuns: 200 },
  );
});
