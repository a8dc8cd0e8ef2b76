import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinkRig } from "../testing/rig.js";
import { associationOf } from "../werift-internals.js";

/** How many senders wait inside werift when the network stands still. */
async function waitingSenders(without: readonly string[]): Promise<number> {
  const rig = await openLinkRig({ dialer: { without }, forwarded: true });
  rig.forwarder!.toServer = () => false;
  const association = associationOf(rig.connection);
  let waiting = 0;
  const { asPromise } = association.flush;
  association.flush.asPromise = (...args) => {
    waiting++;
    return asPromise(...args);
  };
  for (let i = 0; i < 60; i++) rig.client.data.send(Buffer.alloc(1000));
  await new Promise((resolve) => setImmediate(resolve));
  await rig.close();
  return waiting;
}

test("nothing waits inside werift", async () => {
  assert.equal(await waitingSenders([]), 0);
});

test("without it every message has somebody who is woken each round", async () => {
  assert.ok((await waitingSenders(["waiting-senders"])) > 40);
});
