import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetadata } from "@vigil/protocol";
import { readRelayed, stampRelayed } from "./relayed.js";

test("what the gateway stamps the part reads, and a client's own vigil-* and viam-sid stay at the border", () => {
  const relayed = { session: "s", incarnation: "i", fence: "f", operation: "o", order: 7, connection: "c", token: "t" };
  const fromClient = createMetadata({
    "vigil-session": "forged",
    "viam-sid": "secret",
    "viam-metadata-x": "kept",
    opid: "op",
  });
  const stamped = stampRelayed(fromClient, relayed);
  assert.deepEqual(readRelayed(stamped), relayed);
  assert.deepEqual(stamped.get("viam-metadata-x"), ["kept"]);
  assert.deepEqual(stamped.get("opid"), ["op"]);
  assert.equal(stamped.has("viam-sid"), false);
});

test("a call without a session carries none, whatever its client wrote", () => {
  const stamped = stampRelayed(createMetadata({ "vigil-session": "forged", "vigil-fence": "forged" }), {
    session: undefined,
    incarnation: "",
    fence: "",
    operation: "o",
    order: 0,
    connection: "c",
    token: undefined,
  });
  assert.equal(readRelayed(stamped).session, undefined);
  assert.equal(readRelayed(stamped).fence, "");
  for (const count of ["", "-1", "1.5", "x", "1e400"]) {
    assert.equal(readRelayed(createMetadata({ "vigil-order": count })).order, 0, count);
  }
});
