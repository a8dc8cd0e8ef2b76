import assert from "node:assert/strict";
import { test } from "node:test";
import { deps, LOOPBACK, linkRig, until } from "../testing/rig.js";
import { createWeriftPeer } from "../werift-peer.js";

const CONNECTS = 300;
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "UDPWrap").length;
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

test("300 connections, closed from either end, leave no peer, socket or timer", async () => {
  const socketsBefore = sockets();
  for (let i = 0; i < CONNECTS; i++) {
    const rig = await linkRig();
    const [first, second] = i % 2 ? [rig.client, rig.server] : [rig.server, rig.client];
    await first.close();
    await until(() => second.state === "closed", "the other end follows");
    await until(() => rig.answerer.peers.size + rig.dialer.peers.size === 0, "both are freed");
  }
  await until(() => sockets() === socketsBefore, "every socket is closed");
  // werift's last flight timers run out within 0.5 s.
  await until(() => timers() <= 4, "no timer stays");
});

test("without it the sockets stay", async () => {
  const socketsBefore = sockets();
  const { peer, connection } = createWeriftPeer(deps, { ...LOOPBACK, without: ["leaks"] }, () => {});
  await connection.setLocalDescription(await connection.createOffer());
  await peer.close();
  assert.equal(sockets(), socketsBefore + 1);
  await connection.close();
});
