import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { createAnswerer } from "./answerer.js";
import { createChallenger } from "./challenger.js";
import { createChallenges } from "./challenges.js";
import type { Peer } from "./peer.js";
import { isApplicationRecord } from "./testing/forwarder.js";
import { createClientHost } from "./testing/node-client.js";
import { deps, LOOPBACK, linkRig, nodeRig, pause, recordOf, until } from "./testing/rig.js";

test("an answered challenge is evidence dated at its sending", async () => {
  const rig = await nodeRig();
  const beforeMs = deps.clock.now();
  rig.server.challenge();
  const afterMs = deps.clock.now();
  await until(() => rig.record.evidence.length > 0, "the challenge is answered");
  assert.equal(rig.record.evidence.length, 1);
  assert.equal(rig.record.evidence[0]!.kind, "transport");
  assert.ok(rig.record.evidence[0]!.atMs >= beforeMs && rig.record.evidence[0]!.atMs <= afterMs);
  await rig.close();
});

test("a challenge held up on its way is still dated at its sending", async () => {
  const rig = await linkRig({ forwarded: true });
  const held: Buffer[] = [];
  rig.forwarder!.toClient = (datagram) => {
    if (!isApplicationRecord(datagram)) return true;
    held.push(datagram);
    return false;
  };
  rig.server.challenge();
  const sentMs = deps.clock.now();
  await pause(150);
  assert.equal(rig.record.evidence.length, 0);
  for (const datagram of held) rig.forwarder!.injectToClient(datagram);
  await until(() => rig.record.evidence.length === 1, "the challenge is answered late");
  assert.ok(rig.record.evidence[0]!.atMs <= sentMs);
  await rig.close();
});

test("each message is application evidence, a repeated TSN is not", async () => {
  const rig = await linkRig({ forwarded: true });
  // Acknowledgements are lost, so the client repeats the same chunk under new record numbers.
  rig.forwarder!.toClient = (datagram) => !isApplicationRecord(datagram);
  let passed = 0;
  rig.forwarder!.toServer = (datagram) => {
    if (isApplicationRecord(datagram)) passed++;
    return true;
  };
  rig.client.data.send("beat");
  await until(() => passed >= 3, "the chunk is repeated");
  await pause(20);
  assert.deepEqual(
    rig.record.evidence.map(({ kind }) => kind),
    ["application"],
  );
  await rig.close();
});

test("a chunk behind a gap is application evidence before the gap is filled", async () => {
  const rig = await linkRig({ forwarded: true });
  const heard: unknown[] = [];
  rig.server.data.onMessage((message) => heard.push(message));
  let dropped = 0;
  rig.forwarder!.toServer = (datagram) => !(isApplicationRecord(datagram) && dropped++ === 0);
  rig.client.data.send("lost");
  // In one turn both would share a packet.
  await until(() => dropped > 0, "the first chunk is lost");
  rig.client.data.send("behind the gap");
  await until(() => rig.record.evidence.length > 0, "the second chunk arrives");
  assert.equal(rig.record.evidence[0]!.kind, "application");
  assert.deepEqual(heard, []);
  await until(() => heard.length === 2, "the first is repeated");
  await rig.close();
});

test("an answer to what was never asked, or asked long ago, is no evidence", () => {
  const challenges = createChallenges(deps);
  const first = challenges.issue();
  assert.equal(challenges.redeem(deps.random.bytes(16)), undefined);
  assert.notEqual(challenges.redeem(first), undefined);
  assert.equal(challenges.redeem(first), undefined);
  const oldest = challenges.issue();
  for (let i = 0; i < 64; i++) challenges.issue();
  assert.equal(challenges.redeem(oldest), undefined);
});

test("a killed client gives no evidence any more, whatever junk comes to its port", async () => {
  const answerer = createAnswerer(deps, LOOPBACK);
  const host = createClientHost();
  await host.dial(async (offer) => (await answerer.answer(offer)).answer);
  const [peer] = [...answerer.peers] as [Peer];
  await until(() => peer.state === "open", "the server's end opens");
  const record = recordOf(peer);
  const challenger = createChallenger({ clock: deps.clock, peer }, { intervalMs: 20 });
  await until(() => record.evidence.length >= 5, "challenges are answered");
  await host.kill();
  await pause(20); // What was on its way when the process died.
  const before = record.evidence.length;

  const junk = createSocket("udp4");
  const port = Number(peer.localAddress()!.split(":")[1]);
  for (let i = 0; i < 50; i++) {
    junk.send(
      i % 2 ? deps.random.bytes(60) : Buffer.from([23, 254, 253, 0, 1, 0, 0, 0, 0, 1, i, 0, 1, 9]),
      port,
      "127.0.0.1",
    );
    await pause(10);
  }
  assert.equal(record.evidence.length, before);
  junk.close();
  challenger.stop();
  await answerer.close();
});
