import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { test } from "node:test";
import { createHeartbeat } from "../sctp-chunks.js";
import { openLinkRig } from "../testing/rig.js";
import { associationOf } from "../werift-internals.js";

/** Promises that are made for one packet on its way out. */
async function promisesOfPacket(without: readonly string[]): Promise<number> {
  const rig = await openLinkRig({ dialer: { without } });
  const association = associationOf(rig.connection);
  let promises = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === "PROMISE") promises++;
    },
  });
  const challenge = createHeartbeat(new Uint8Array(16));
  hook.enable();
  const sent = association.sendChunk(challenge);
  hook.disable();
  await sent;
  await rig.close();
  return promises;
}

test("a packet goes to its path without a promise at each step", async () => {
  assert.ok((await promisesOfPacket([])) * 2 <= (await promisesOfPacket(["direct-records"])));
});
