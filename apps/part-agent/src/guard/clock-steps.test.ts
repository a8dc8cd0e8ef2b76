import assert from "node:assert/strict";
import { test } from "node:test";
import { createPartBench } from "../testing/part-bench.js";

test("the computer slept for an hour: everything is stopped before the first command, which is refused", async () => {
  const part = await createPartBench([{ name: "left", api: "motor" }]);
  try {
    const client = part.client("A");
    await Promise.all([client.call("motor/left", "SetPower", { powerPct: 1 }), part.pass(5)]);
    const seen = part.hardware().length;
    part.sleep(3_600_000);
    // No time passes between the wake-up and the command.
    const refused = client.call("motor/left", "SetPower", { powerPct: 0.5 });
    refused.catch(() => undefined);
    assert.deepEqual(part.commands(seen), ["left stop"]);
    await part.pass(1);
    await assert.rejects(refused);
    await part.pass(100);
    assert.deepEqual(part.commands(seen), ["left stop"]);
    const fences = part.events.filter((event) => event.kind === "fenced");
    assert.deepEqual(
      fences.map(({ session, cause }) => [session, cause]),
      [
        [undefined, "clock"],
        ["A", "clock"],
      ],
    );

    await Promise.all([client.call("motor/left", "SetPower", { powerPct: 0.5 }), part.pass(5)]);
    assert.deepEqual(part.commands(seen), ["left stop", "left set_rpm"], "asked anew, it is served");
  } finally {
    await part.close();
  }
});

test("a sleep without any command is noticed at the next tick, and drift is none", async () => {
  const part = await createPartBench([{ name: "left", api: "motor" }]);
  try {
    await Promise.all([part.client("A").call("motor/left", "SetPower", { powerPct: 1 }), part.pass(5)]);
    const seen = part.hardware().length;
    for (let hundredths = 0; hundredths < 100; hundredths += 1) {
      part.sleep(10);
      await part.pass(60);
    }
    assert.deepEqual(part.commands(seen), []);
    part.sleep(-1000);
    await part.pass(60);
    assert.deepEqual(part.commands(seen), ["left stop"]);
  } finally {
    await part.close();
  }
});
