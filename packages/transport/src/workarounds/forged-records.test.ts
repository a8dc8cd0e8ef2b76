import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { serializeRecord } from "../dtls-records.js";
import { linkRig, pause, until } from "../testing/rig.js";
import { isAdmissiblePlaintext } from "./forged-records.js";

const header = (epoch: number, contentType: number, sequenceNumber: number) => ({
  contentType,
  protocolVersion: { major: 0xfe, minor: 0xfd },
  epoch,
  sequenceNumber,
  contentLen: 0,
});
/** 15 bytes: warning, close_notify, in the clear. */
const forgedAlert = (epoch: number, sequenceNumber: number) =>
  serializeRecord(header(epoch, 21, sequenceNumber), Buffer.from([1, 0]));
const forgedFinished = serializeRecord(
  header(0, 22, 900),
  Buffer.from([20, 0, 0, 12, 0, 9, 0, 0, 0, 0, 0, 12, ...Buffer.alloc(12)]),
);

test("plaintext alerts, from anywhere and of either epoch, close nothing", async () => {
  const rig = await linkRig({ forwarded: true });
  const stranger = createSocket("udp4");
  for (const datagram of [forgedAlert(0, 100), forgedAlert(1, 1000), forgedFinished]) {
    rig.forwarder!.injectToServer(datagram);
    rig.forwarder!.injectToClient(datagram);
    stranger.send(datagram, rig.forwarder!.serverPort, "127.0.0.1");
  }
  await pause(30);
  rig.server.challenge();
  await until(() => rig.record.evidence.length === 1, "the connection still works");
  assert.deepEqual([...rig.record.closed, ...rig.clientRecord.closed], []);
  stranger.close();
  await rig.close();
});

test("without it one datagram of 15 bytes ends the connection", async () => {
  const rig = await linkRig({ forwarded: true, answerer: { without: ["forged-records"] } });
  rig.forwarder!.injectToServer(forgedAlert(0, 100));
  await until(() => rig.record.closed.length > 0, "the forged alert closes the peer");
  await rig.close();
});

test("a plaintext Finished, or a message longer than its record, is no handshake", () => {
  const record = (fragment: Buffer) => ({ header: header(0, 22, 0), fragment, bytes: fragment });
  assert.equal(isAdmissiblePlaintext(record(forgedFinished.subarray(13)), false), false);
  assert.equal(isAdmissiblePlaintext(record(Buffer.from([1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 9])), false), false);
  assert.equal(isAdmissiblePlaintext(record(Buffer.from([14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), false), true);
  assert.equal(isAdmissiblePlaintext(record(Buffer.from([14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), true), false);
});
