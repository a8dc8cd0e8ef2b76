import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemRandom } from "@vigil/shared";
import fc from "fast-check";
import type { LeaseStore } from "./lease-store.js";
import { createRedisStore } from "./redis-store.js";
import { createVirtualClock, redisMissing, silentLog, startTestRedis, type TestRedis } from "./testing/index.js";

const WINDOW_MS = 2000;
/** A part asks, and a gateway renews, ten times a window (rules.md, R1 and R3). */
const PERIOD_MS = WINDOW_MS / 10;
/** Scenario 7's bound after the last sign of life. */
const BOUND_MS = 1.1 * WINDOW_MS + 50;
const QUIET_MS = 1000;
const WALL_MS = 1_800_000_000_000;
const STEP_MS = 5;

const clock = createVirtualClock();
let ids = 0;

/** How one session's life goes: when its client falls silent and when the store's clock steps, in ms from its start. */
interface Course {
  readonly silentAt: number;
  readonly stepAt: number;
  readonly stepMs: number;
  /** Offset of the part's questions against the gateway's renewals. */
  readonly phase: number;
}

interface Outcome {
  readonly lastSignAt: number;
  /** From when on the part moved nothing, in ms from the start. */
  readonly stoppedAt: number;
  readonly quietAt: number;
}

describe("leases in a Redis whose clock steps (scenario 7)", {
  skip: redisMissing({ clockShim: true }) ?? false,
}, () => {
  let redis: TestRedis;
  let store: LeaseStore;
  let wallMs = WALL_MS;

  before(async () => {
    redis = await startTestRedis({ withClockShim: true });
    redis.clockShim!.freezeAt(wallMs);
    store = await createRedisStore(
      { clock, random: systemRandom, log: silentLog },
      { url: redis.url, role: "writer", commandTimeoutMs: 60_000 },
    );
  });
  after(async () => {
    await store?.close();
    await redis?.stop();
  });

  /** Plays a course: a gateway that renews with `appAge` for the quiet limit, and a part that follows R3 to the letter. */
  async function play(course: Course, options: { readonly untilMs: number }): Promise<Outcome> {
    const id = `course-${++ids}`;
    const start = clock.now();
    const elapsed = () => clock.now() - start;
    // The client's application falls silent at once; only its transport answers until `silentAt`.
    const request = (signOfLifeAt: number) => ({
      id,
      windowMs: WINDOW_MS,
      signOfLifeAt,
      moveForMs: WINDOW_MS,
      quietForMs: QUIET_MS - (signOfLifeAt - start),
      knownForMs: WINDOW_MS,
    });
    const part = { beat: 0, deadline: 0, quiet: 0 };
    let stoppedAt = 0;
    let quietAt = 0;
    let lastSignAt = 0;
    await store.create(request(start));
    for (; elapsed() < options.untilMs; ) {
      if (elapsed() >= course.stepAt && elapsed() < course.stepAt + STEP_MS) wallMs += course.stepMs;
      redis.clockShim!.freezeAt(wallMs);
      if (elapsed() % PERIOD_MS === 0 && elapsed() < course.silentAt) {
        const [outcome] = await store.renew([request(clock.now())]);
        if (outcome === "renewed") lastSignAt = elapsed();
      }
      if (elapsed() % PERIOD_MS === course.phase) {
        const asked = elapsed();
        const answer = (await store.read([id])).answers[0]!;
        if (!answer.known) {
          part.deadline = part.quiet = 0;
          part.beat = Number.POSITIVE_INFINITY;
        } else if (answer.beat >= part.beat) {
          const deadline = asked + Math.min(answer.moveLeftMs, WINDOW_MS);
          const quiet = asked + answer.quietLeftMs;
          part.deadline = answer.beat > part.beat ? deadline : Math.min(part.deadline, deadline);
          part.quiet = answer.beat > part.beat ? quiet : Math.min(part.quiet, quiet);
          part.beat = answer.beat;
        }
      }
      wallMs += STEP_MS;
      redis.clockShim!.freezeAt(wallMs);
      clock.advance(STEP_MS);
      await store.read([]);
      if (elapsed() <= part.deadline) stoppedAt = elapsed();
      if (elapsed() <= Math.min(part.quiet, part.deadline)) quietAt = elapsed();
    }
    return { lastSignAt, stoppedAt, quietAt };
  }

  test("without a step the part moves until the window has passed, and no longer", async () => {
    const { lastSignAt, stoppedAt, quietAt } = await play(
      { silentAt: 1000, stepAt: Infinity, stepMs: 0, phase: 100 },
      { untilMs: 4000 },
    );
    assert.equal(lastSignAt, 800);
    assert.equal(stoppedAt, 800 + WINDOW_MS);
    assert.equal(quietAt, QUIET_MS);
  });

  test("a step of 10 s either way, at any moment, stretches no silent session", async () => {
    const course = fc.record({
      silentAt: fc.integer({ min: 0, max: 8 }).map((periods) => periods * PERIOD_MS),
      stepAt: fc.integer({ min: 0, max: 700 }).map((steps) => steps * STEP_MS),
      stepMs: fc.oneof(fc.constantFrom(-10_000, 10_000), fc.integer({ min: -12_000, max: 12_000 })),
      phase: fc.integer({ min: 0, max: PERIOD_MS / STEP_MS - 1 }).map((steps) => steps * STEP_MS),
    });
    await fc.assert(
      fc.asyncProperty(course, async (chosen) => {
        const { stoppedAt, lastSignAt } = await play(chosen, { untilMs: 4500 });
        assert.ok(
          stoppedAt - lastSignAt <= BOUND_MS,
          `stopped ${stoppedAt - lastSignAt} ms after the last sign of life`,
        );
      }),
      { numRuns: 40 },
    );
  });

  test("after a step back no answer gives more than was granted, nor after a step forward", async () => {
    const id = `course-${++ids}`;
    const spans = { moveForMs: WINDOW_MS, quietForMs: QUIET_MS, knownForMs: WINDOW_MS };
    await store.create({ id, windowMs: WINDOW_MS, signOfLifeAt: clock.now(), ...spans });
    const granted = {
      id,
      known: true,
      beat: 1,
      windowMs: WINDOW_MS,
      moveLeftMs: 2000,
      quietLeftMs: 1000,
      knownLeftMs: 2000,
    };
    wallMs -= 10_000;
    redis.clockShim!.freezeAt(wallMs);
    assert.deepEqual((await store.read([id])).answers, [granted]);
    wallMs += 20_000;
    redis.clockShim!.freezeAt(wallMs);
    assert.deepEqual((await store.read([id])).answers, [{ id, known: false }]);
  });

  test("a renewal in the time before a step is refused, the next one is in the new time", async () => {
    const id = `course-${++ids}`;
    const spans = { moveForMs: 60_000, quietForMs: 60_000, knownForMs: 60_000 };
    const request = () => ({ id, windowMs: WINDOW_MS, signOfLifeAt: clock.now(), ...spans });
    await store.create(request());
    wallMs -= 10_000;
    redis.clockShim!.freezeAt(wallMs);
    assert.deepEqual(await store.renew([request()]), ["beyond"]);
    assert.deepEqual(await store.renew([request()]), ["renewed"]);
    wallMs += 10_000;
    redis.clockShim!.freezeAt(wallMs);
    assert.deepEqual(await store.renew([{ ...request(), knownForMs: 5000 }]), ["past"]);
    assert.deepEqual(await store.renew([{ ...request(), knownForMs: 5000 }]), ["renewed"]);
  });

  test("a step back does not stretch the quiet limit of a session whose transport lives on", async () => {
    for (const stepAt of [100, 200, 395, 600, 900]) {
      const { stoppedAt, quietAt } = await play(
        { silentAt: 5000, stepAt, stepMs: -10_000, phase: 50 },
        { untilMs: 3000 },
      );
      assert.ok(stoppedAt > 2900, "the session itself lives on");
      assert.ok(quietAt <= QUIET_MS + 2 * PERIOD_MS, `quiet at ${quietAt} ms instead of ${QUIET_MS}`);
    }
  });
});
