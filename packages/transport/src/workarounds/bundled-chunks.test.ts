import assert from "node:assert/strict";
import { test } from "node:test";
import type { RTCPeerConnection } from "werift";
import { isApplicationRecord } from "../testing/forwarder.js";
import { linkRig, nodeRig, openLinkRig, pause, until } from "../testing/rig.js";
import { associationOf, ChunkType, dtlsTransportOf } from "../werift-internals.js";

const MESSAGES = 200;

/** Datagrams that the answerer needs for 200 small messages of one loop turn. */
async function datagramsFor(without: readonly string[]): Promise<number> {
  const rig = await linkRig({ forwarded: true, answerer: { without } });
  let datagrams = 0;
  rig.forwarder!.toClient = (datagram) => {
    if (isApplicationRecord(datagram)) datagrams++;
    return true;
  };
  const heard: string[] = [];
  rig.client.data.onMessage((message) => heard.push(String(message)));
  const sent = Array.from({ length: MESSAGES }, (_, index) => `message ${index}`);
  for (const message of sent) rig.server.data.send(message);
  await until(() => heard.length === MESSAGES, "all arrive");
  assert.deepEqual(heard, sent);
  await rig.close();
  return datagrams;
}

test("small messages of one turn share packets", async () => {
  assert.ok((await datagramsFor([])) < MESSAGES / 3);
});

test("without it each has a packet of its own", async () => {
  assert.ok((await datagramsFor(["bundled-chunks"])) >= MESSAGES);
});

test("control chunks come before data in a packet, and of acknowledgements only the last", async () => {
  const rig = await openLinkRig();
  const server = watchPackets(rig.connection);
  rig.server.data.onMessage((message) => rig.server.data.send(message));
  let heard = 0;
  rig.client.data.onMessage(() => heard++);
  for (let i = 0; i < 500; i++) rig.client.data.send(`message ${i}`);
  await until(() => heard === 500, "all come back");
  assert.ok(server.some((types) => types.includes(ChunkType.sack) && types.includes(ChunkType.data)));
  for (const types of server) {
    const firstData = types.indexOf(ChunkType.data);
    if (firstData >= 0)
      assert.ok(
        types.slice(firstData).every((type) => type === ChunkType.data),
        `${types}`,
      );
    assert.ok(types.filter((type) => type === ChunkType.sack).length <= 1, `${types}`);
  }
  await rig.close();
});

test("an answer takes the acknowledgement of its request along, in one packet", async () => {
  const rig = await openLinkRig();
  const packets = watchPackets(rig.connection);
  rig.server.data.onMessage(() => {
    // As of a part: in a later turn than the request, all three frames in one.
    setImmediate(() => {
      for (const frame of ["headers", "message", "trailers"]) rig.server.data.send(frame);
    });
  });
  const heard: unknown[] = [];
  rig.client.data.onMessage((message) => heard.push(message));
  rig.client.data.send("request");
  await until(() => heard.length === 3, "the answer arrives");
  const { sack, data } = ChunkType;
  assert.deepEqual(packets, [[sack, data, data, data]]);
  await rig.close();
});

test("what nobody answers is acknowledged all the same", async () => {
  const rig = await openLinkRig();
  const client = associationOf(rig.connection);
  let heard = 0;
  rig.server.data.onMessage(() => heard++);
  for (let i = 0; i < 5; i++) {
    rig.client.data.send(`message ${i}`);
    await until(() => client.lastSackedTsn === (client.localTsn - 1) >>> 0, "it is acknowledged");
  }
  assert.equal(heard, 5);
  await rig.close();
});

type ChunkTypes = number[];

/** The chunks of each packet that comes from now on. */
function watchPackets(connection: RTCPeerConnection): readonly ChunkTypes[] {
  const packets: ChunkTypes[] = [];
  const transport = dtlsTransportOf(connection);
  const receive = transport.dataReceiver!;
  transport.dataReceiver = (datagram) => {
    packets.push(typesOf(datagram));
    receive(datagram);
  };
  return packets;
}

function typesOf(datagram: Buffer): ChunkTypes {
  const types: ChunkTypes = [];
  for (let start = 12; start < datagram.length; start += (datagram.readUInt16BE(start + 2) + 3) & ~3) {
    types.push(datagram.readUInt8(start));
  }
  return types;
}

test("a libdatachannel client reads bundled packets", async () => {
  const rig = await nodeRig();
  for (let i = 0; i < 300; i++) rig.server.data.send(`message ${i}`);
  await until(() => rig.client.messages.length === 300, "all arrive");
  assert.deepEqual(
    rig.client.messages.map(({ message }) => message),
    Array.from({ length: 300 }, (_, index) => `message ${index}`),
  );
  await pause(0);
  await rig.close();
});
