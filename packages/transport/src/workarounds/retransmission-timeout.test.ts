import assert from "node:assert/strict";
import { test } from "node:test";
import { isApplicationRecord } from "../testing/forwarder.js";
import { linkRig, until } from "../testing/rig.js";

/** ms until a lone message arrives whose first copy is lost. */
async function recoveryMs(without: readonly string[]): Promise<number> {
  const rig = await linkRig({ forwarded: true, answerer: { without } });
  let heard = 0;
  rig.client.data.onMessage(() => heard++);
  rig.server.data.send("a first one, so that the round-trip time is known");
  await until(() => heard === 1, "the first message arrives");
  let lost = 0;
  rig.forwarder!.toClient = (datagram) => !isApplicationRecord(datagram) || datagram.length < 200 || lost++ > 0;
  const sentAt = performance.now();
  rig.server.data.send("lost at first".padEnd(200));
  await until(() => heard === 2, "the lost message arrives", 10_000);
  const tookMs = performance.now() - sentAt;
  await rig.close();
  return tookMs;
}

test("a lone lost message is repeated within a fraction of a second", async () => {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5 && fastest >= 900; i++) fastest = Math.min(fastest, await recoveryMs([]));
  assert.ok(fastest < 900, `${fastest} ms`);
});

test("without it the message waits a second", async () => {
  assert.ok((await recoveryMs(["retransmission-timeout"])) >= 990);
});
