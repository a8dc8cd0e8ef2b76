import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionDescription } from "./peer.js";
import { sanitizeRemoteSdp } from "./remote-description.js";
import { decodeDescription, encodeDescription } from "./renegotiation.js";
import { nodeRig, type OpenLinkRig, openLinkRig, until } from "./testing/rig.js";

/** Sends an offer of the client over the negotiation channel and takes the answer. */
async function renegotiate(rig: OpenLinkRig, offer: SessionDescription): Promise<SessionDescription> {
  const answers: SessionDescription[] = [];
  rig.client.negotiation.onMessage((message) => {
    const answer = decodeDescription(String(message));
    if (answer?.type === "answer") answers.push(answer);
  });
  rig.client.negotiation.send(encodeDescription(offer));
  await until(() => answers.length > 0, "the answer arrives");
  return answers[0]!;
}

test("an offer with video is answered, its section inactive, and the data channel lives on", async () => {
  const rig = await openLinkRig();
  const heard: unknown[] = [];
  rig.server.negotiation.onMessage((message) => heard.push(message));
  rig.connection.addTransceiver("video", { direction: "recvonly" });
  await rig.connection.setLocalDescription(await rig.connection.createOffer());
  const answer = await renegotiate(rig, { type: "offer", sdp: rig.connection.localDescription!.sdp });
  const video = answer.sdp.slice(answer.sdp.indexOf("m=video"));
  assert.ok(video.startsWith("m=video"), answer.sdp);
  assert.match(video, /a=inactive|^m=video 0 /m);
  await rig.connection.setRemoteDescription(answer);
  assert.deepEqual(heard, [], "an offer is for the peer alone");

  let echoed = 0;
  rig.server.data.onMessage((message) => rig.server.data.send(message));
  rig.client.data.onMessage(() => echoed++);
  rig.client.data.send("still here");
  await until(() => echoed === 1, "the data channel works");
  assert.equal(rig.server.isRenegotiating, false);
  await rig.close();
});

test("what is no offer reaches the listener, and an impossible offer ends nothing", async () => {
  const rig = await nodeRig();
  const heard: unknown[] = [];
  rig.server.negotiation.onMessage((message) => heard.push(message));
  rig.client.send("negotiation", "a plain text");
  rig.client.send("negotiation", encodeDescription({ type: "offer", sdp: "v=0\r\nm=nonsense\r\n" }));
  rig.client.send("negotiation", encodeDescription({ type: "answer", sdp: "v=0\r\n" }));
  await until(() => heard.length === 2, "both arrive");
  assert.equal(heard[0], "a plain text");
  assert.deepEqual(rig.record.closed, []);
  await rig.close();
});

test("a description is decoded only if it is one", () => {
  const offer: SessionDescription = { type: "offer", sdp: "v=0" };
  assert.deepEqual(decodeDescription(encodeDescription(offer)), offer);
  for (const frame of [
    "",
    "not base64 %",
    Buffer.from("{}").toString("base64"),
    Buffer.from("null").toString("base64"),
  ]) {
    assert.equal(decodeDescription(frame), undefined);
  }
});

test("of a remote description only usable candidates stay, and not too many", () => {
  const usable = "a=candidate:1 1 udp 2113937151 10.0.0.7 50000 typ host";
  const lines = [
    "v=0",
    "a=candidate:1 1 udp 2113937151 0a1b.local 50000 typ host",
    "a=candidate:1 1 tcp 2113937151 10.0.0.7 9 typ host tcptype active",
    "a=candidate:1 1 udp 2113937151 10.0.0.7 0 typ host",
    "a=candidate:1 2 udp 2113937151 10.0.0.7 50000 typ host",
    ...Array.from({ length: 100 }, () => usable),
    "a=end-of-candidates",
  ];
  assert.deepEqual(sanitizeRemoteSdp(lines.join("\n")).split("\r\n"), [
    "v=0",
    ...Array.from({ length: 32 }, () => usable),
  ]);
});
