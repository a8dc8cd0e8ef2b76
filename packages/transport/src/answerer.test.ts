import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { createAnswerer } from "./answerer.js";
import { createDialer } from "./dialer.js";
import type { SessionDescription } from "./peer.js";
import { withoutCandidates } from "./testing/forwarder.js";
import { dialNodeClient } from "./testing/node-client.js";
import { deps, LOOPBACK, nodeRig, until } from "./testing/rig.js";

test("a client opens both channels and hears its own words back, as bytes and as text", async () => {
  const rig = await nodeRig();
  rig.server.data.onMessage((message) => rig.server.data.send(message));
  rig.server.negotiation.onMessage((message) => rig.server.negotiation.send(message));
  rig.client.send("data", Buffer.from([1, 2, 3]));
  rig.client.send("negotiation", "grüß Gott");
  await until(() => rig.client.messages.length === 2, "both come back");
  assert.deepEqual(rig.client.messages, [
    { channel: "data", message: Buffer.from([1, 2, 3]) },
    { channel: "negotiation", message: "grüß Gott" },
  ]);
  assert.match(rig.server.remoteAddress() ?? "", /^127\.0\.0\.1:\d+$/);
  assert.match(rig.server.fingerprints()?.remote ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  await rig.close();
});

test("the answer holds every candidate, none from outside, and no end is announced to wait for", async () => {
  let answer: SessionDescription | undefined;
  const answerer = createAnswerer(deps);
  const client = await dialNodeClient(async (offer) => {
    answer = (await answerer.answer(offer)).answer;
    return answer;
  });
  const candidates = answer!.sdp.match(/^a=candidate:.*$/gm) ?? [];
  assert.ok(candidates.some((line) => line.includes(" 127.0.0.1 ")));
  assert.ok(candidates.every((line) => line.includes(" typ host")));
  client.close();
  await answerer.close();
});

test("candidates stand in the order of the addresses, IPv6 first: libjuice checks them so, one every 50 ms", async () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((entries) =>
    entries?.some(({ address }) => address === "::1"),
  );
  const hostAddresses = ["127.0.0.1", "127.0.0.2", ...(hasIpv6 ? ["::1"] : []), "127.0.0.3"];
  const answerer = createAnswerer(deps, { hostAddresses });
  for (let dial = 0; dial < 10; dial += 1) {
    let answer: SessionDescription | undefined;
    const client = await dialNodeClient(async (offer) => {
      answer = (await answerer.answer(offer)).answer;
      return answer;
    });
    const addresses = (answer!.sdp.match(/^a=candidate:.*$/gm) ?? []).map((line) => line.split(" ")[4]);
    assert.deepEqual(addresses, [...(hasIpv6 ? ["::1"] : []), "127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    client.close();
  }
  await answerer.close();
});

test("candidates that are trickled later connect, and those of no use do no harm", async () => {
  const answerer = createAnswerer(deps, LOOPBACK);
  const client = await dialNodeClient(async (offer) => {
    const { answer, peer } = await answerer.answer(withoutCandidates(offer));
    const lines = offer.sdp.match(/^a=(candidate:.*)$/gm) ?? [];
    peer.addCandidate({ candidate: "candidate:1 1 udp 2113937151 0a1b-c2d3.local 50000 typ host", sdpMid: "0" });
    peer.addCandidate({ candidate: "nonsense", sdpMid: "0" });
    peer.addCandidate({ candidate: "", sdpMid: "0" });
    for (const line of lines) peer.addCandidate({ candidate: line.slice(2), sdpMid: "0", sdpMLineIndex: 0 });
    return answer;
  });
  assert.equal([...answerer.peers][0]?.state, "open");
  client.close();
  await answerer.close();
});

test("local ports stay in the configured range, and running out of them is told apart", async () => {
  const min = 40_000 + (process.pid % 20_000);
  const answerer = createAnswerer(deps, { ...LOOPBACK, udpPorts: { min, max: min + 50 } });
  const client = await dialNodeClient(async (offer) => (await answerer.answer(offer)).answer);
  const port = Number([...answerer.peers][0]?.localAddress()?.split(":")[1]);
  assert.ok(port >= min && port <= min + 50, `port ${port}`);

  const full = createAnswerer(deps, { ...LOOPBACK, udpPorts: { min: port, max: port } });
  await assert.rejects(
    createDialer(deps, LOOPBACK).dial(async (offer) => (await full.answer(offer)).answer),
    (error) => error instanceof VigilError && error.reason === "limit",
  );
  client.close();
  await Promise.all([answerer.close(), full.close()]);
});

test("an offer that is none is refused and leaves nothing behind", async () => {
  const answerer = createAnswerer(deps, LOOPBACK);
  await assert.rejects(
    answerer.answer({ type: "offer", sdp: "v=0\r\nthis is no SDP\r\nm=nothing\r\n" }),
    (error) => error instanceof VigilError && error.reason === "bad_request",
  );
  await until(() => answerer.peers.size === 0, "the peer is freed");
  await answerer.close();
});

test("a client that never comes is given up after the open timeout", async () => {
  const answerer = createAnswerer(deps, { ...LOOPBACK, openTimeoutMs: 100 });
  const causes: string[] = [];
  const dialled = createDialer(deps, LOOPBACK).dial(async (offer) => {
    const { peer } = await answerer.answer(withoutCandidates(offer));
    peer.on("closed", ({ cause }) => causes.push(cause));
    throw new Error("the client went away");
  });
  await assert.rejects(dialled, /went away/);
  await until(() => answerer.peers.size === 0, "the peer is freed");
  assert.deepEqual(causes, ["failed"]);
  await answerer.close();
});

test("after close no offer is taken", async () => {
  const answerer = createAnswerer(deps, LOOPBACK);
  await answerer.close();
  await assert.rejects(answerer.answer({ type: "offer", sdp: "" }), /shutting down/);
});
