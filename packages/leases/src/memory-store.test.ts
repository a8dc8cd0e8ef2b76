import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom } from "@vigil/shared";
import { leaseStoreConformance } from "./conformance.js";
import { createMemoryStore } from "./memory-store.js";
import { createVirtualClock } from "./testing/index.js";

leaseStoreConformance("the built-in store", async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ clock, random: systemRandom });
  return { store, now: clock.now, advance: async (ms) => clock.advance(ms), close: () => store.close() };
});

test("a restarted built-in store is another data set and knows none of the old ids (scenario 10)", async () => {
  const clock = createVirtualClock();
  const first = createMemoryStore({ clock, random: systemRandom });
  const lease = { id: "before", windowMs: 2000, moveForMs: 2000, quietForMs: 2000, knownForMs: 2000 };
  const { incarnation } = await first.create({ ...lease, signOfLifeAt: clock.now() });

  const second = createMemoryStore({ clock, random: systemRandom });
  const reading = await second.read(["before"]);
  assert.notEqual(reading.incarnation, incarnation);
  assert.deepEqual(reading.answers, [{ id: "before", known: false }]);
  assert.deepEqual(await second.renew([{ ...lease, signOfLifeAt: clock.now() }]), ["gone"]);
  await second.create({ ...lease, id: "after", signOfLifeAt: clock.now() });
  assert.equal((await second.read(["after"])).answers[0]?.known, true);
});
