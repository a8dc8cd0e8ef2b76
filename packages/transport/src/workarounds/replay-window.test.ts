import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isApplicationRecord } from "../testing/forwarder.js";
import { type LinkRig, linkRig, pause, until } from "../testing/rig.js";
import { createReplayWindow } from "./replay-window.js";

/** Replays all that the client sent after it is gone; counts what the server says to that. */
async function replayEverything(rig: LinkRig): Promise<number> {
  for (let i = 0; i < 8; i++) rig.client.data.send(`message ${i}`);
  rig.server.challenge();
  await until(() => rig.record.evidence.length >= 9, "everything arrives");
  await pause(300); // Delayed acknowledgements have left.
  let answers = 0;
  rig.forwarder!.toClient = (datagram) => {
    if (isApplicationRecord(datagram)) answers++;
    return false;
  };
  const evidence = rig.record.evidence.length;
  for (const datagram of [...rig.forwarder!.captured]) rig.forwarder!.injectToServer(datagram);
  await pause(50);
  assert.equal(rig.record.evidence.length, evidence);
  return answers;
}

test("captured records, sent again, reach nothing and are no sign of life", async () => {
  const rig = await linkRig({ forwarded: true });
  assert.equal(await replayEverything(rig), 0);
  assert.deepEqual(rig.record.closed, []);
  await rig.close();
});

test("without it they reach SCTP, which answers them", async () => {
  const rig = await linkRig({ forwarded: true, answerer: { without: ["replay-window"] } });
  assert.ok((await replayEverything(rig)) > 0);
  await rig.close();
});

test("a window admits each number once, within its width", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 400 }), (numbers) => {
      const window = createReplayWindow();
      const seen = new Set<number>();
      let highest = -1;
      for (const number of numbers) {
        const expected = number > highest || (highest - number < 256 && !seen.has(number));
        assert.equal(window.admits(number), expected);
        if (!expected) continue;
        window.advance(number);
        seen.add(number);
        highest = Math.max(highest, number);
      }
    }),
    { seed: 7, numRuns: 200 },
  );
});
