import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore, type LeaseStore } from "@vigil/leases";
import { createLogger, systemRandom, VigilError } from "@vigil/shared";
import { createManualClock } from "@vigil/shared/testing";
import { createSessionKeeper } from "./session-keeper.js";

const WINDOW_MS = 1000;

test("a command that waits for its session's first lease is not carried over a suspension (R4)", async () => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, random: systemRandom });
  let write = () => {};
  const written = new Promise<void>((resolve) => {
    write = resolve;
  });
  const slow: LeaseStore = { ...store, create: (lease) => written.then(() => store.create(lease)) };
  const suspended: string[] = [];
  const keeper = createSessionKeeper(
    {
      clock,
      random: systemRandom,
      store: slow,
      log: createLogger({ destination: { write() {} } }),
      ended() {},
      suspended: (_session, cause) => void suspended.push(cause),
    },
    { windowMs: WINDOW_MS, quietLimitMs: Number.POSITIVE_INFINITY },
  );
  keeper.connect({ id: "one", entity: undefined, host: "10.0.0.1", challengeable: true });
  const before = keeper.forCall("one", undefined);
  keeper.knock("one");
  assert.deepEqual(suspended, ["knock"]);
  keeper.transportEvidence("one", clock.now());
  const after = keeper.forCall("one", undefined);
  write();
  await assert.rejects(
    async () => before,
    (error) => error instanceof VigilError && error.reason === "fenced",
  );
  assert.ok((await after).id, "what is commanded after it runs");
  keeper.close();
  await store.close();
});
