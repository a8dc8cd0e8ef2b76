import assert from "node:assert/strict";
import { test } from "node:test";
import type { RTCPeerConnection } from "werift";
import { openLinkRig, until } from "../testing/rig.js";
import { dtlsTransportOf } from "../werift-internals.js";

/** A client that knows nothing of SRTP, as one for data alone may be. */
const withoutMedia = (connection: RTCPeerConnection) => {
  Object.assign(dtlsTransportOf(connection), { srtpProfiles: [] });
};

test("a client that offers no SRTP profile connects", async () => {
  const rig = await openLinkRig({}, withoutMedia);
  await until(() => rig.server.state === "open", "the server's end opens");
  await rig.close();
});

test("without it the connection fails", async () => {
  const rig = await openLinkRig({ answerer: { without: ["no-srtp"] }, dialer: { openTimeoutMs: 3000 } }, withoutMedia);
  await until(() => rig.record.closed.length > 0, "the answerer gives up");
  assert.deepEqual(rig.record.closed, ["failed"]);
  await rig.close();
});
