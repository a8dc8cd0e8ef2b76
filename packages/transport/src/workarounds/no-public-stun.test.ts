import assert from "node:assert/strict";
import { test } from "node:test";
import { deps, LOOPBACK } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";
import { createWeriftPeer } from "../werift-peer.js";

/** Whom a connection without configured servers would ask for its address. */
async function serverAsked(without: readonly string[]): Promise<string | undefined> {
  const { peer, connection } = createWeriftPeer(deps, { ...LOOPBACK, iceServers: [], without }, () => {});
  const server = dtlsTransportOf(connection).iceTransport.connection.stunServer?.[0];
  await peer.close();
  return server;
}

test("nobody outside is asked", async () => {
  assert.equal(await serverAsked([]), undefined);
});

test("without it a public server is", async () => {
  assert.match((await serverAsked(["no-public-stun"]))!, /stun/);
});

test("a configured server is kept", async () => {
  const { peer, connection } = createWeriftPeer(
    deps,
    { ...LOOPBACK, iceServers: [{ urls: ["stun:127.0.0.1:3478"] }] },
    () => {},
  );
  assert.deepEqual(dtlsTransportOf(connection).iceTransport.connection.stunServer, ["127.0.0.1", 3478]);
  await peer.close();
});
