import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createChallenger } from "./challenger.js";
import { splitRecords } from "./dtls-records.js";
import { createPacket, splitChunks } from "./sctp-chunks.js";
import { sendRawRecord } from "./testing/raw-sctp.js";
import { deps, openLinkRig, pause, until } from "./testing/rig.js";
import { associationOf } from "./werift-internals.js";

const SEED = 20_240_601;

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

/** Something like a DTLS record: header fields near the real ones, lengths right or wrong. */
const recordLike = fc
  .tuple(
    fc.integer({ min: 18, max: 26 }),
    fc.integer({ min: 0, max: 2 }),
    fc.nat(5000),
    bytes(80),
    fc.integer({ min: -3, max: 3 }),
  )
  .map(([type, epoch, sequence, body, error]) => {
    const header = Buffer.alloc(13);
    header.writeUInt8(type, 0);
    header.writeUInt16BE(0xfefd, 1);
    header.writeUInt16BE(epoch, 3);
    header.writeUIntBE(sequence, 5, 6);
    header.writeUInt16BE(Math.max(0, body.length + error), 11);
    return Buffer.concat([header, body]);
  });

/** Something like SCTP chunks. */
const chunkLike = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 130, 192, 63, 200),
    fc.integer({ min: 0, max: 255 }),
    bytes(60),
    fc.constantFrom(0, 0, 0, 0, -4, 1, 7, 60_000),
  )
  .map(([type, flags, body, error]) => {
    const chunk = Buffer.alloc((4 + body.length + 3) & ~3);
    chunk.writeUInt8(type, 0);
    chunk.writeUInt8(flags, 1);
    chunk.writeUInt16BE(Math.min(65_535, Math.max(0, 4 + body.length + error)), 2);
    body.copy(chunk, 4);
    return chunk;
  });

test("splitting records reads nothing beyond its datagram and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        bytes(200),
        fc.array(recordLike, { maxLength: 4 }).map((all) => Buffer.concat(all)),
      ),
      (datagram) => {
        const records = splitRecords(datagram);
        const length = records.reduce((sum, record) => sum + record.bytes.length, 0);
        assert.ok(length <= datagram.length);
        for (const record of records) assert.equal(record.fragment.length, record.header.contentLen);
      },
    ),
    { seed: SEED, numRuns: 2000 },
  );
});

test("splitting chunks reads nothing beyond its packet and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        bytes(200),
        fc.array(chunkLike, { maxLength: 4 }).map((all) => Buffer.concat([Buffer.alloc(12), ...all])),
      ),
      (packet) => {
        const chunks = splitChunks(packet);
        if (!chunks) return;
        assert.equal(
          chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 12),
          packet.length,
        );
      },
    ),
    { seed: SEED, numRuns: 2000 },
  );
});

test("2,000 datagrams of DTLS junk on the path of a connection change nothing", async () => {
  const rig = await openLinkRig({ forwarded: true });
  const junk = fc.sample(fc.oneof(recordLike, bytes(120)), { seed: SEED, numRuns: 2000 });
  for (const [index, datagram] of junk.entries()) {
    rig.forwarder!.injectToServer(datagram);
    rig.forwarder!.injectToClient(datagram);
    if (index % 100 === 99) await pause(1);
  }
  assert.deepEqual(rig.record.evidence, []);
  await stillAlive(rig);
});

test("2,000 packets of SCTP junk from an authenticated peer end nothing but at most that peer", async () => {
  const bystander = await openLinkRig();
  const junk = fc.sample(
    fc.oneof(
      fc.array(chunkLike, { minLength: 1, maxLength: 3 }).map((all) => Buffer.concat(all)),
      bytes(100),
    ),
    {
      seed: SEED,
      numRuns: 2000,
    },
  );
  let rig = await openLinkRig();
  for (const [index, chunks] of junk.entries()) {
    if (rig.client.state === "closed" || rig.server.state === "closed") {
      await rig.close();
      rig = await openLinkRig();
      await until(() => rig.server.state === "open", "the server's end opens");
    }
    const { localPort, remotePort, remoteVerificationTag } = associationOf(rig.connection);
    const ports = { localPort, remotePort: remotePort!, verificationTag: remoteVerificationTag };
    sendRawRecord(rig.connection, index % 10 === 0 ? chunks : createPacket(ports, { type: 0, bytes: chunks }));
    if (index % 50 === 49) await pause(1);
  }
  await rig.close();
  await stillAlive(bystander);
});

async function stillAlive(rig: Awaited<ReturnType<typeof openLinkRig>>): Promise<void> {
  const challenger = createChallenger({ clock: deps.clock, peer: rig.server }, { intervalMs: 20 });
  await until(() => rig.record.evidence.some(({ kind }) => kind === "transport"), "the connection still works");
  challenger.stop();
  assert.deepEqual([...rig.record.closed, ...rig.clientRecord.closed], []);
  await rig.close();
}
