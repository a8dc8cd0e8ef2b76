import assert from "node:assert/strict";
import { test } from "node:test";
import { splitRecords } from "../dtls-records.js";
import { type Forwarder, isApplicationRecord, isDtlsDatagram } from "../testing/forwarder.js";
import { linkRig, nodeRig, pause } from "../testing/rig.js";

/** Record numbers under which the answerer's ClientHello leaves, the first two of them lost. */
async function helloNumbers(without: readonly string[]): Promise<number[]> {
  const numbers: number[] = [];
  let answered = false;
  const watch = (forwarder: Forwarder) => {
    forwarder.toClient = (datagram) => {
      if (!isDtlsDatagram(datagram) || answered) return true;
      numbers.push(splitRecords(datagram)[0]!.header.sequenceNumber);
      return numbers.length > 2;
    };
    forwarder.toServer = (datagram) => {
      if (isDtlsDatagram(datagram)) answered = true;
      return true;
    };
  };
  const rig = await linkRig({ forwarded: watch, answerer: { without } });
  await rig.close();
  return numbers;
}

test("a lost ClientHello is repeated under fresh record numbers", async () => {
  const numbers = await helloNumbers([]);
  assert.ok(numbers.length > 2);
  assert.equal(new Set(numbers).size, numbers.length);
});

test("without it the old number comes again, which OpenSSL drops as a replay", async () => {
  const numbers = await helloNumbers(["flight-retransmission"]);
  assert.ok(new Set(numbers).size < numbers.length);
});

/** Loses every DTLS datagram of a handshake once: the n-th for every n in turn. */
const losing = (lost: number) => (forwarder: Forwarder) => {
  let seen = 0;
  const policy = (datagram: Buffer) => !isDtlsDatagram(datagram) || seen++ !== lost;
  forwarder.toClient = policy;
  forwarder.toServer = policy;
};

test("whichever handshake datagram is lost, a libdatachannel client gets through", async () => {
  for (let lost = 0; lost < 12; lost++) {
    const rig = await nodeRig({ forwarded: losing(lost) });
    assert.equal(rig.server.state, "open", `datagram ${lost}`);
    await rig.close();
  }
});

test("whichever handshake datagram is lost, a link comes up", async () => {
  for (let lost = 0; lost < 16; lost++) {
    const rig = await linkRig({ forwarded: losing(lost) });
    assert.equal(rig.server.state, "open", `datagram ${lost}`);
    await rig.close();
  }
});

test("flights that cross on a slow path do not go on for ever", async () => {
  let handshakeDatagrams = 0;
  const delayed = (forwarder: Forwarder) => {
    const hold = (inject: (datagram: Buffer) => void) => (datagram: Buffer) => {
      if (!isDtlsDatagram(datagram)) return true;
      if (!isApplicationRecord(datagram)) handshakeDatagrams++;
      setTimeout(() => inject(datagram), 80);
      return false;
    };
    forwarder.toServer = hold(forwarder.injectToServer);
    forwarder.toClient = hold(forwarder.injectToClient);
  };
  for (const connect of [nodeRig, linkRig]) {
    const rig = await connect({ forwarded: delayed });
    await pause(500); // What was under way when the handshake ended has arrived.
    const before = handshakeDatagrams;
    await pause(300);
    assert.equal(handshakeDatagrams, before);
    assert.deepEqual(rig.record.closed, []);
    rig.forwarder!.toServer = () => true;
    rig.forwarder!.toClient = () => true;
    await rig.close();
  }
});
