import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinkRig, until } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";

const MESSAGES = ["one", "two", "three"];

/** How many of three messages in one packet are delivered in the turn in which the packet comes. */
async function deliveredInTurn(without: readonly string[]): Promise<number> {
  const rig = await openLinkRig({ dialer: { without } });
  const heard: unknown[] = [];
  rig.client.data.onMessage((message) => heard.push(message));
  const transport = dtlsTransportOf(rig.connection);
  const receive = transport.dataReceiver!;
  let inTurn = 0;
  transport.dataReceiver = (packet) => {
    receive(packet);
    inTurn = Math.max(inTurn, heard.length);
  };
  for (const message of MESSAGES) rig.server.data.send(message);
  await until(() => heard.length === MESSAGES.length, "all arrive");
  assert.deepEqual(heard, MESSAGES);
  await rig.close();
  return inTurn;
}

test("all messages of a packet are delivered in the turn in which it comes", async () => {
  assert.equal(await deliveredInTurn([]), MESSAGES.length);
});

test("without it a promise stands between two chunks of a packet", async () => {
  assert.ok((await deliveredInTurn(["in-place-packets"])) < MESSAGES.length);
});

test("a packet with a wrong checksum or verification tag is dropped, and is left as it was", async () => {
  const rig = await openLinkRig();
  const heard: unknown[] = [];
  rig.client.data.onMessage((message) => heard.push(message));
  const transport = dtlsTransportOf(rig.connection);
  const receive = transport.dataReceiver!;
  const changes: readonly ((packet: Buffer) => void)[] = [
    (packet) => packet.writeUInt32LE((packet.readUInt32LE(8) ^ 1) >>> 0, 8),
    (packet) => packet.writeUInt32BE((packet.readUInt32BE(4) ^ 1) >>> 0, 4),
  ];
  let passed = 0;
  transport.dataReceiver = (packet) => {
    for (const change of changes) {
      const changed = Buffer.from(packet);
      change(changed);
      const before = Buffer.from(changed);
      receive(changed);
      assert.deepEqual(changed, before);
    }
    assert.deepEqual(heard, []);
    passed++;
    receive(packet);
  };
  rig.server.data.send("whole");
  await until(() => heard.length === 1, "the right one arrives");
  assert.ok(passed > 0);
  await rig.close();
});
