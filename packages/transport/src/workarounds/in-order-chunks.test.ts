import assert from "node:assert/strict";
import { test } from "node:test";
import { isApplicationRecord } from "../testing/forwarder.js";
import { linkRig, openLinkRig, until } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";

/** Whether a message that comes in its turn is delivered as it lies in its packet. */
async function isDeliveredInPlace(without: readonly string[]): Promise<boolean> {
  const rig = await openLinkRig({ dialer: { without } });
  const packets = new Set<ArrayBufferLike>();
  const transport = dtlsTransportOf(rig.connection);
  const receive = transport.dataReceiver!;
  transport.dataReceiver = (packet) => {
    // A copy in memory of its own: small buffers share a pool.
    const own = Buffer.from(new Uint8Array(packet).buffer);
    packets.add(own.buffer);
    receive(own);
  };
  const heard: Buffer[] = [];
  rig.client.data.onMessage((message) => heard.push(message as Buffer));
  rig.server.data.send(Buffer.from("a message"));
  await until(() => heard.length === 1, "it arrives");
  assert.equal(heard[0]!.toString(), "a message");
  await rig.close();
  return packets.has(heard[0]!.buffer);
}

test("a message that comes in its turn is not copied", async () => {
  assert.equal(await isDeliveredInPlace([]), true);
});

test("without it each message is copied", async () => {
  assert.equal(await isDeliveredInPlace(["in-order-chunks"]), false);
});

test("lost, late and cut messages are delivered once, whole and in their order", async () => {
  const rig = await linkRig({ forwarded: true });
  let records = 0;
  rig.forwarder!.toServer = (datagram) => !isApplicationRecord(datagram) || records++ % 3 !== 1;
  const heard: string[] = [];
  rig.server.data.onMessage((message) => heard.push(String(message)));
  // Short ones, and ones that take several chunks.
  const sent = Array.from({ length: 60 }, (_, index) => `${index}:`.padEnd(index % 5 === 0 ? 4000 : 20, "x"));
  for (const message of sent) {
    rig.client.data.send(message);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => heard.length === sent.length, "all arrive", 20_000);
  assert.deepEqual(heard, sent);
  await rig.close();
});
