import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeDescription, encodeDescription } from "../renegotiation.js";
import { openLinkRig, pause, until } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";

/** Restarts ICE from the client over the negotiation channel; false if no answer comes. */
async function restart(rig: Awaited<ReturnType<typeof openLinkRig>>): Promise<boolean> {
  let answer: ReturnType<typeof decodeDescription>;
  rig.client.negotiation.onMessage((message) => {
    answer = decodeDescription(String(message));
  });
  await rig.connection.setLocalDescription(await rig.connection.createOffer({ iceRestart: true }));
  rig.client.negotiation.send(encodeDescription({ type: "offer", sdp: rig.connection.localDescription!.sdp }));
  for (let i = 0; i < 100 && !answer; i++) await pause(10);
  if (!answer) return false;
  await rig.connection.setRemoteDescription(answer);
  await dtlsTransportOf(rig.connection).iceTransport.start();
  return true;
}

test("the connection lives on over an ICE restart, on a path that was checked anew", async () => {
  const rig = await openLinkRig();
  const ice = dtlsTransportOf(rig.connection).iceTransport.connection;
  const before = ice.generation;
  assert.equal(await restart(rig), true);
  assert.equal(ice.generation, before + 1);
  await until(() => rig.server.remoteAddress() !== undefined, "the answerer has a path again");
  let echoed = 0;
  rig.server.data.onMessage((message) => rig.server.data.send(message));
  rig.client.data.onMessage(() => echoed++);
  for (let i = 0; i < 3; i++) rig.client.data.send("on the new path");
  await until(() => echoed === 3, "messages pass");
  assert.deepEqual([...rig.record.closed, ...rig.clientRecord.closed], []);
  await rig.close();
});

test("without it the answer never arrives", async () => {
  const rig = await openLinkRig({ answerer: { without: ["ice-restart"] } });
  assert.equal(await restart(rig), false);
  await rig.close();
});
