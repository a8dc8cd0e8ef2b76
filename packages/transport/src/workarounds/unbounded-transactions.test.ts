import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "werift";
import { openLinkRig } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";

/** How many transaction ids a connection remembers after 500 requests of the other side. */
async function remembered(without: readonly string[]): Promise<number> {
  const rig = await openLinkRig({ dialer: { without } });
  const ice = dtlsTransportOf(rig.connection).iceTransport.connection;
  const { remoteAddr } = ice.nominated!;
  for (let i = 0; i < 500; i++) {
    const request = new Message(1, 0).setAttribute("USERNAME", `${ice.localUsername}:them`).setAttribute("PRIORITY", 1);
    ice.checkIncoming(request, remoteAddr, ice.protocols[0]!);
  }
  const count = Math.max(...ice.checkList.map((pair) => pair.requestTransactionIds.size));
  await rig.close();
  return count;
}

test("the memory for STUN transactions is bounded", async () => {
  assert.ok((await remembered([])) <= 64);
});

test("without it every transaction stays", async () => {
  assert.ok((await remembered(["unbounded-transactions"])) >= 500);
});
