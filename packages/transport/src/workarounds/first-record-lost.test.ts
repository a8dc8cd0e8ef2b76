import assert from "node:assert/strict";
import { test } from "node:test";
import { splitRecords } from "../dtls-records.js";
import { type Forwarder, isDtlsDatagram } from "../testing/forwarder.js";
import { linkRig, until } from "../testing/rig.js";

/** How many record numbers of epoch 1 the answerer used twice until its twentieth message was sent. */
async function reusedNumbers(without: readonly string[]): Promise<number> {
  const numbers: number[] = [];
  const watch = (forwarder: Forwarder) => {
    forwarder.toClient = (datagram) => {
      if (!isDtlsDatagram(datagram)) return true;
      for (const { header } of splitRecords(datagram)) if (header.epoch === 1) numbers.push(header.sequenceNumber);
      return true;
    };
  };
  const rig = await linkRig({ forwarded: watch, answerer: { without } });
  let heard = 0;
  rig.client.data.onMessage(() => heard++);
  for (let i = 0; i < 20; i++) rig.server.data.send(`message ${i}`);
  await until(() => heard >= 20, "all messages arrive");
  await rig.close();
  return numbers.length - new Set(numbers).size;
}

test("no record number, and so no nonce, is used twice", async () => {
  assert.equal(await reusedNumbers([]), 0);
});

test("without it the number of Finished comes again", async () => {
  assert.ok((await reusedNumbers(["first-record-lost", "flight-retransmission", "bundled-chunks"])) > 0);
});
