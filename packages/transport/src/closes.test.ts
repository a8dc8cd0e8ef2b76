import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { isApplicationRecord } from "./testing/forwarder.js";
import { deps, linkRig, nodeRig, pause, recordOf, until } from "./testing/rig.js";

test("a client that closes properly is told by its SHUTDOWN", async () => {
  const rig = await nodeRig();
  rig.client.close();
  await until(() => rig.record.closed.length > 0, "the close is seen");
  assert.deepEqual(rig.record.closed, ["shutdown"]);
  assert.equal(rig.server.state, "closed");
  await until(() => rig.answerer.peers.size === 0, "everything is freed");
  await rig.close();
  assert.deepEqual(rig.record.closed, ["shutdown"]);
});

test("our close reaches a client at once", async () => {
  const rig = await nodeRig();
  await rig.server.close();
  await rig.client.closed;
  assert.deepEqual(rig.record.closed, ["local"]);
  await rig.server.close();
  assert.deepEqual(rig.record.closed, ["local"]);
  await rig.close();
});

test("between two ends of ours: abort; without it: close_notify", async () => {
  const rig = await linkRig({ forwarded: true });
  await rig.client.close();
  await until(() => rig.record.closed.length > 0, "the abort is seen");
  assert.deepEqual(rig.record.closed, ["abort"]);
  await rig.close();

  const other = await linkRig({ forwarded: true });
  other.forwarder!.toServer = (datagram) => !isApplicationRecord(datagram);
  await other.client.close();
  await until(() => other.record.closed.length > 0, "the alert is seen");
  assert.deepEqual(other.record.closed, ["close_notify"]);
  await other.close();
});

test("a closed peer sends nothing, delivers nothing and gives no evidence", async () => {
  const rig = await linkRig();
  const record = recordOf(rig.server);
  rig.server.data.onMessage(() => assert.fail("delivered after close"));
  const closed = rig.server.close();
  rig.client.data.send("too late");
  assert.throws(
    () => rig.server.data.send("x"),
    (error) => error instanceof VigilError && error.reason === "cancelled",
  );
  rig.server.challenge();
  await closed;
  await pause(50);
  assert.deepEqual(record.evidence, []);
  assert.equal(rig.server.data.isOpen, false);
  await rig.close();
});

test("one that could not hear the close is told when it comes back", async () => {
  const rig = await linkRig({ forwarded: true });
  rig.forwarder!.toClient = () => false;
  rig.forwarder!.toServer = () => false;
  await rig.server.close({ lingerMs: 5000 });
  rig.client.data.send("are you there?");
  await pause(50);
  assert.deepEqual(rig.clientRecord.closed, []);
  rig.forwarder!.toClient = () => true;
  rig.forwarder!.toServer = () => true;
  await until(() => rig.clientRecord.closed.length > 0, "the client is told");
  assert.deepEqual(rig.clientRecord.closed, ["abort"]);
  assert.equal(rig.answerer.peers.size, 1);
  await rig.server.close();
  assert.equal(rig.answerer.peers.size, 0);
  await rig.close();
});

test("a listener that throws does not keep the others from hearing of the close", async () => {
  const rig = await linkRig();
  let heard = false;
  rig.server.on("closed", () => {
    throw new Error("a listener's own fault");
  });
  rig.server.on("closed", () => {
    heard = true;
  });
  await rig.server.close();
  assert.ok(heard);
  assert.ok(deps.clock.now() > 0);
  await rig.close();
});
