import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinkRig, until } from "../testing/rig.js";
import { associationOf, ChunkType } from "../werift-internals.js";

/** The flags of the DATA chunks that arrive when the answerer sends one message. */
async function flagsOfMessage(without: readonly string[]): Promise<number[]> {
  const rig = await openLinkRig({ answerer: { without } });
  const flags: number[] = [];
  const association = associationOf(rig.connection);
  const receiveChunk = association.receiveChunk.bind(association);
  association.receiveChunk = (chunk) => {
    if (chunk.type === ChunkType.data) flags.push(chunk.flags ?? 0);
    return receiveChunk(chunk);
  };
  rig.server.data.send("a lone message");
  await until(() => flags.length > 0, "the message arrives");
  await rig.close();
  return flags;
}

test("a lone message asks for its acknowledgement at once", async () => {
  assert.deepEqual(await flagsOfMessage([]), [0x03 | 0x08]);
});

test("without it the I bit is not set", async () => {
  assert.deepEqual(await flagsOfMessage(["immediate-sack"]), [0x03]);
});
