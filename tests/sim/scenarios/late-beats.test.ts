import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "@vigil/leases";
import type { SessionEnd } from "@vigil/safety";
import { createLogger } from "@vigil/shared";
import { createArrivalClock, createSessionKeeper } from "../world/real.js";
import { createRng, type Rng } from "../world/rng.js";
import { createSimProcess } from "../world/sim-process.js";
import { createSimTime } from "../world/sim-time.js";

/** As many as the anchor's figure is compared with: there 161 of 200 late beats were accepted, 8 of 20 dead revived. */
const RUNS = 10_000;
const WINDOWS_MS = [30, 100, 300, 1000, 2000] as const;
/** A session's end may be seen this much after its lapse, when nothing is held up: the timer's own grain. */
const AT_ONCE_MS = 1;
const quiet = createLogger({ level: "fatal", destination: { write: () => undefined } });

/** The gateway's own session keeper and dating of arrivals, alone in a process that can be stopped. */
function createKeeperAlone(rng: Rng) {
  const time = createSimTime();
  const process = createSimProcess(time, rng.fork(), "gateway");
  const { clock } = process;
  const windowMs = rng.pick(WINDOWS_MS);
  const ends: { readonly end: SessionEnd; readonly at: number }[] = [];
  const arrivals = createArrivalClock(clock);
  const keeper = createSessionKeeper(
    {
      clock,
      random: rng,
      store: createMemoryStore({ clock, random: rng }),
      log: quiet,
      ended: (end) => ends.push({ end, at: time.now }),
      suspended: () => undefined,
    },
    { windowMs, quietLimitMs: 10_000 },
  );
  keeper.connect({ id: "client", entity: undefined, host: "127.0.0.1", challengeable: false });
  const beat = async (id: string): Promise<boolean> => {
    try {
      await keeper.heartbeat("client", id, arrivals.arrivedAt());
      return true;
    } catch {
      return false;
    }
  };
  /** A session that has just beaten, at a phase of all timers that differs from run to run. */
  async function open(): Promise<string> {
    await time.runUntil(rng.between(0, 200));
    let id = "";
    process.receive(() => keeper.start("client", "").then((session) => (id = session.id)));
    await time.runUntil(time.now + rng.between(0, 0.9) * windowMs);
    process.receive(() => beat(id));
    return id;
  }
  return { time, process, keeper, windowMs, ends, open, beat };
}

test(`a heartbeat that comes 1 ms late is refused: ${RUNS} of ${RUNS}`, async () => {
  let accepted = 0;
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const rng = createRng(seed);
    const { time, process, windowMs, ends, open, beat } = createKeeperAlone(rng);
    const id = await open();
    const lastBeatAt = time.now;
    // Half of the time the process is busy when the window ends: its timers and the late beat are both due afterwards.
    if (rng.chance(0.5)) {
      await time.runUntil(lastBeatAt + windowMs - rng.between(0, 0.5) * Math.min(windowMs, 100));
      assert.equal(ends.length, 0, `seed ${seed}: it lives until its window ends`);
      process.pause();
    }
    await time.runUntil(lastBeatAt + windowMs + 1);
    let answer: boolean | undefined;
    process.receive(async () => {
      answer = await beat(id);
    });
    await time.runUntil(time.now + rng.between(0, 1));
    process.resume();
    await time.runUntil(time.now + 5);
    assert.notEqual(answer, undefined);
    if (answer) accepted += 1;
    assert.equal(ends[0]?.end.reason, "lapsed", `seed ${seed}`);
  }
  assert.equal(accepted, 0);
});

test(`a pause of the gateway revives no dead session, whatever was buffered: ${RUNS} of ${RUNS}`, async () => {
  let revived = 0;
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const rng = createRng(seed);
    const { time, process, windowMs, ends, open, beat } = createKeeperAlone(rng);
    const id = await open();
    process.pause();
    const pausedAt = time.now;
    // The client goes on beating for a while and dies; the gateway stands still past the end of its window.
    const diesAt = pausedAt + rng.between(0, 1) * windowMs;
    for (let at = pausedAt; at < diesAt; at += windowMs / 5) time.at(at, () => process.receive(() => beat(id)));
    const wakesAt = diesAt + windowMs + rng.between(1, 3 * windowMs);
    await time.runUntil(wakesAt);
    process.resume();
    await time.runUntil(wakesAt + AT_ONCE_MS);
    const end = ends[0];
    if (end?.end.reason !== "lapsed" || end.at > wakesAt + AT_ONCE_MS) revived += 1;
    let late: boolean | undefined;
    process.receive(async () => {
      late = await beat(id);
    });
    await time.runUntil(time.now + 5);
    if (late !== false) revived += 1;
  }
  assert.equal(revived, 0);
});
