import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createDialer } from "./dialer.js";
import { deps, LOOPBACK, linkRig, until } from "./testing/rig.js";

test("a link carries messages both ways, and both ends know each other's certificate", async () => {
  const rig = await linkRig();
  rig.server.data.onMessage((message) => rig.server.data.send(message));
  const heard: unknown[] = [];
  rig.client.data.onMessage((message) => heard.push(message));
  rig.client.data.send("text");
  rig.client.data.send(Buffer.from("bytes"));
  await until(() => heard.length === 2, "both come back");
  assert.deepEqual(heard, ["text", Buffer.from("bytes")]);
  assert.equal(rig.client.fingerprints()?.remote, rig.server.fingerprints()?.local);
  assert.equal(rig.client.fingerprints()?.local, rig.server.fingerprints()?.remote);
  assert.equal(rig.client.remoteAddress(), rig.server.localAddress());
  await rig.close();
});

test("what arrives before the first listener is kept for it, in order", async () => {
  const rig = await linkRig();
  for (const word of ["one", "two", "three"]) rig.client.data.send(word);
  rig.server.challenge();
  await until(() => rig.record.evidence.length >= 4, "all have arrived");
  const heard: unknown[] = [];
  rig.server.data.onMessage((message) => heard.push(message));
  assert.deepEqual(heard, ["one", "two", "three"]);
  await rig.close();
});

test("a dial that nobody answers fails in time and frees its sockets", async () => {
  const dialer = createDialer(deps, { ...LOOPBACK, openTimeoutMs: 150 });
  await assert.rejects(
    dialer.dial(() => new Promise(() => {})),
    (error) => error instanceof VigilError && error.reason === "deadline",
  );
  await until(() => dialer.peers.size === 0, "the peer is freed");
});

test("an error of the exchange is the caller's to see", async () => {
  const dialer = createDialer(deps, LOOPBACK);
  await assert.rejects(
    dialer.dial(async () => {
      throw new Error("unknown host");
    }),
    /unknown host/,
  );
  await until(() => dialer.peers.size === 0, "the peer is freed");
});
