import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import fc from "fast-check";
import { createChallenger } from "./challenger.js";
import { splitRecords } from "./dtls-records.js";
import { createPacket, splitChunks } from "./sctp-chunks.js";
import { FUZZ_SEED, mutationsOf, readCorpus } from "./testing/corpus.js";
import { sendRawRecord } from "./testing/raw-sctp.js";
import { deps, type OpenLinkRig, openLinkRig, pause, until } from "./testing/rig.js";
import { associationOf } from "./werift-internals.js";

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
    { seed: FUZZ_SEED, numRuns: 2000 },
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
          chunks.reduce((sum, { start, end }) => sum + end - start, 12),
          packet.length,
        );
      },
    ),
    { seed: FUZZ_SEED, numRuns: 2000 },
  );
});

/** A connection whose client's messages come back, with the network between its ends laid open. */
async function openEcho(): Promise<OpenLinkRig & { echo(): Promise<void> }> {
  const rig = await openLinkRig({ forwarded: true });
  rig.server.data.onMessage((message) => rig.server.data.send(message));
  let echoed = 0;
  rig.client.data.onMessage(() => echoed++);
  return {
    ...rig,
    async echo() {
      const before = echoed;
      rig.client.data.send("still there?");
      await until(() => echoed > before, `an echo (seed ${FUZZ_SEED})`);
    },
  };
}

for (const kind of ["dtls", "stun"] as const) {
  test(`whatever ${kind} comes from the network, to both ends and from strangers: the connection goes on`, async (t) => {
    t.diagnostic(`seed ${FUZZ_SEED}; FUZZ_SEED=... for another one`);
    const rig = await openEcho();
    const stranger = createSocket("udp4");
    const entries = readCorpus(kind);
    const junk = [
      ...entries.map(({ bytes }) => bytes),
      ...fc.sample(fc.oneof({ weight: 4, arbitrary: mutationsOf(entries) }, recordLike, bytes(120)), {
        seed: FUZZ_SEED,
        numRuns: 2000,
      }),
    ];
    for (const [index, datagram] of junk.entries()) {
      rig.forwarder!.injectToServer(datagram);
      rig.forwarder!.injectToClient(datagram);
      stranger.send(datagram, rig.forwarder!.serverPort, "127.0.0.1");
      if (index % 50 === 49) await pause(1);
      if (index % 500 === 499) await rig.echo();
    }
    assert.ok(!rig.record.evidence.some((sign) => sign.kind === "transport"), "nobody was challenged");
    await rig.echo();
    stranger.close();
    await stillAlive(rig);
  });
}

test("whatever SCTP comes from an authenticated peer: it ends at most that peer, and others notice nothing", async (t) => {
  t.diagnostic(`seed ${FUZZ_SEED}; FUZZ_SEED=... for another one`);
  const bystander = await openEcho();
  const entries = readCorpus("sctp");
  const chunks = fc.oneof(
    { weight: 3, arbitrary: mutationsOf(entries) },
    fc.array(chunkLike, { minLength: 1, maxLength: 3 }).map((all) => Buffer.concat(all)),
    bytes(100),
  );
  const junk = [
    ...entries.map(({ bytes }) => bytes),
    ...fc.sample(chunks, { seed: FUZZ_SEED, numRuns: 2000 }),
    // Neighbours matter: several of them in one packet.
    ...fc.sample(
      fc.array(chunks, { minLength: 2, maxLength: 4 }).map((all) => Buffer.concat(all)),
      { seed: FUZZ_SEED, numRuns: 300 },
    ),
  ];
  let rig = await openLinkRig();
  for (const [index, bytes] of junk.entries()) {
    if (rig.client.state === "closed" || rig.server.state === "closed") {
      await rig.close();
      rig = await openLinkRig();
      await until(() => rig.server.state === "open", "the server's end opens");
    }
    const { localPort, remotePort, remoteVerificationTag } = associationOf(rig.connection);
    const ports = { localPort, remotePort: remotePort!, verificationTag: remoteVerificationTag };
    sendRawRecord(rig.connection, index % 10 === 9 ? bytes : createPacket(ports, bytes));
    if (index % 50 === 49) await pause(1);
    if (index % 500 === 499) await bystander.echo();
  }
  await rig.close();
  await bystander.echo();
  await stillAlive(bystander);
});

test("whatever a peer says on the negotiation channel: it ends at most that peer, and others notice nothing", async (t) => {
  t.diagnostic(`seed ${FUZZ_SEED}; FUZZ_SEED=... for another one`);
  const bystander = await openEcho();
  const entries = readCorpus("frames");
  // Changes of the base64 seldom leave JSON; changes of what it stands for do.
  const texts = entries.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes.toString("latin1"), "base64") }));
  const said = [
    ...entries.map(({ bytes }) => bytes.toString("latin1")),
    ...fc
      .sample(mutationsOf(texts), { seed: FUZZ_SEED, numRuns: 400 })
      .map((bytes) => bytes.toString("base64"))
      .filter((text) => text !== ""),
  ];
  let rig = await openEcho();
  for (const [index, text] of said.entries()) {
    if (rig.client.state === "closed" || rig.server.state === "closed") {
      await rig.close();
      rig = await openEcho();
    }
    rig.client.negotiation.send(text);
    if (index % 50 === 49) await pause(1);
  }
  await rig.close();
  await bystander.echo();
  await stillAlive(bystander);
});

async function stillAlive(rig: OpenLinkRig): Promise<void> {
  const challenger = createChallenger({ clock: deps.clock, peer: rig.server }, { intervalMs: 20 });
  await until(() => rig.record.evidence.some(({ kind }) => kind === "transport"), "the connection still works");
  challenger.stop();
  assert.deepEqual([...rig.record.closed, ...rig.clientRecord.closed], []);
  await rig.close();
}
