import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { VigilError } from "@vigil/shared";
import fc from "fast-check";
import { createLeaseModel, type LeaseModel } from "./lease-model.js";
import {
  CLOCK_TOLERANCE_MS,
  type LeaseAnswer,
  type LeaseStore,
  MAX_ID_LENGTH,
  MAX_QUESTION_IDS,
  type NewLease,
} from "./lease-store.js";

/** What a store needs to be held to the suite: itself, and time that only the suite moves, its own and the store's. */
export interface StoreHarness {
  readonly store: LeaseStore;
  now(): number;
  /** Moves all clocks. Resolves when what was due has settled. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Named windows of a test's leases, in ms. Whole numbers, so that stores of whole microseconds answer exactly. */
const WINDOW_MS = 2000;
const SPANS = { moveForMs: 2000, quietForMs: 1000, knownForMs: 2000 };

let ids = 0;
const freshId = () => `conformance-${process.pid}-${++ids}`;

/**
 * What every lease store does (rules.md, R2 and R4), as a suite of node:test. Registers a `describe` block; `skip` says
 * loudly why it cannot run here.
 */
export function leaseStoreConformance(
  name: string,
  open: () => Promise<StoreHarness>,
  options: { readonly skip?: string | undefined } = {},
): void {
  describe(`${name} as a lease store`, { skip: options.skip ?? false }, () => {
    let harness: StoreHarness;
    let store: LeaseStore;
    before(async () => {
      harness = await open();
      store = harness.store;
    });
    after(() => harness?.close());

    const newLease = (change: Partial<NewLease> = {}): NewLease => ({
      id: freshId(),
      windowMs: WINDOW_MS,
      signOfLifeAt: harness.now(),
      ...SPANS,
      ...change,
    });
    const created = async (change: Partial<NewLease> = {}) => {
      const lease = newLease(change);
      await store.create(lease);
      return lease;
    };
    const answerTo = async (id: string): Promise<LeaseAnswer> => (await store.read([id])).answers[0]!;
    const renewOne = async (lease: NewLease, change: Partial<NewLease> = {}) =>
      (await store.renew([{ ...lease, signOfLifeAt: harness.now(), ...change }]))[0];
    const refused = (reason: string) => (error: unknown) => error instanceof VigilError && error.reason === reason;

    test("a new lease is read as granted, and runs down", async () => {
      const { id } = await created();
      const granted = { id, known: true, beat: 1, windowMs: WINDOW_MS };
      assert.deepEqual(await answerTo(id), { ...granted, moveLeftMs: 2000, quietLeftMs: 1000, knownLeftMs: 2000 });
      await harness.advance(700);
      assert.deepEqual(await answerTo(id), { ...granted, moveLeftMs: 1300, quietLeftMs: 300, knownLeftMs: 1300 });
      await harness.advance(500);
      assert.deepEqual(await answerTo(id), { ...granted, moveLeftMs: 800, quietLeftMs: -200, knownLeftMs: 800 });
      await harness.advance(800);
      assert.deepEqual(await answerTo(id), { id, known: false });
    });

    test("create, read and the store agree on the incarnation", async () => {
      const { incarnation } = await store.create(newLease());
      assert.equal(incarnation, store.incarnation);
      assert.equal((await store.read([])).incarnation, incarnation);
    });

    test("a lease starts at its sign of life, not at its creation", async () => {
      const { id } = await created({ signOfLifeAt: harness.now() - 300 });
      const answer = await answerTo(id);
      assert.equal(answer.known && answer.moveLeftMs, 1700);
    });

    test("a renewal counts a beat and moves the instants on", async () => {
      const lease = await created();
      await harness.advance(500);
      assert.equal(await renewOne(lease), "renewed");
      const answer = await answerTo(lease.id);
      assert.deepEqual(answer.known && [answer.beat, answer.moveLeftMs, answer.quietLeftMs], [2, 2000, 1000]);
    });

    test("an old sign of life lowers no instant, each for itself", async () => {
      const lease = await created();
      const signOfLifeAt = harness.now() - 400;
      assert.equal(await renewOne(lease, { signOfLifeAt, moveForMs: 2100, knownForMs: 9400 }), "renewed");
      const answer = await answerTo(lease.id);
      assert.deepEqual(
        answer.known && [answer.beat, answer.moveLeftMs, answer.quietLeftMs, answer.knownLeftMs],
        [2, 2000, 1000, 9000],
      );
    });

    test("quiet never lies after move, nor move after known", async () => {
      const lease = await created({ moveForMs: 3000, quietForMs: 4000, knownForMs: 1500 });
      const answer = await answerTo(lease.id);
      assert.deepEqual(answer.known && [answer.moveLeftMs, answer.quietLeftMs], [1500, 1500]);
    });

    test("a suspended session stays known by renewals whose moveUntil is past", async () => {
      const lease = await created({ moveForMs: 500, quietForMs: 0 });
      await harness.advance(1000);
      assert.equal(await renewOne(lease, { moveForMs: -500, quietForMs: -1000 }), "renewed");
      const answer = await answerTo(lease.id);
      assert.deepEqual(answer.known && [answer.moveLeftMs, answer.knownLeftMs], [-500, 2000]);
    });

    test("what was never there, has lapsed or has ended is gone for good", async () => {
      assert.equal(await renewOne(newLease()), "gone");
      const lapsed = await created();
      await harness.advance(2000);
      assert.equal(await renewOne(lapsed), "gone");
      const ended = await created();
      assert.equal(await store.end(ended.id), true);
      assert.equal(await renewOne(ended), "gone");
      assert.deepEqual(await answerTo(ended.id), { id: ended.id, known: false });
    });

    test("a renewal whose end has passed is refused and changes nothing", async () => {
      const lease = await created({ knownForMs: 10_000 });
      await harness.advance(3000);
      assert.equal(await renewOne(lease, { signOfLifeAt: harness.now() - 2000, knownForMs: 2000 }), "past");
      const answer = await answerTo(lease.id);
      assert.deepEqual(answer.known && [answer.beat, answer.moveLeftMs, answer.knownLeftMs], [1, -1000, 7000]);
    });

    test("a renewal beyond what a sign of life of this moment gives is refused and changes nothing", async () => {
      const lease = await created();
      const signOfLifeAt = harness.now() + CLOCK_TOLERANCE_MS + 1;
      assert.equal(await renewOne(lease, { signOfLifeAt, moveForMs: 60, knownForMs: 60 }), "beyond");
      const answer = await answerTo(lease.id);
      assert.deepEqual(answer.known && [answer.beat, answer.moveLeftMs], [1, 2000]);
    });

    test("within the tolerance of clocks it is cut to this moment", async () => {
      const lease = await created({ signOfLifeAt: harness.now() - 100 });
      const signOfLifeAt = harness.now() + CLOCK_TOLERANCE_MS;
      assert.equal(await renewOne(lease, { signOfLifeAt }), "renewed");
      const answer = await answerTo(lease.id);
      assert.equal(answer.known && answer.moveLeftMs, 2000);
    });

    test("create refuses a live id, and instants that are past or beyond", async () => {
      const lease = await created();
      await assert.rejects(store.create(newLease({ id: lease.id })), refused("bad_request"));
      const old = newLease({ signOfLifeAt: harness.now() - 2000 });
      await assert.rejects(store.create(old), refused("store_unavailable"));
      const future = newLease({ signOfLifeAt: harness.now() + CLOCK_TOLERANCE_MS + 1 });
      await assert.rejects(store.create(future), refused("store_unavailable"));
      const { answers } = await store.read([old.id, future.id]);
      assert.deepEqual(
        answers.map((answer) => answer.known),
        [false, false],
      );
    });

    test("outcomes and answers come in the order asked", async () => {
      const [first, second] = [await created(), await created()];
      const gone = newLease();
      const outcomes = await store.renew([gone, second, first, gone, { ...first, signOfLifeAt: harness.now() - 5000 }]);
      assert.deepEqual(outcomes, ["gone", "renewed", "renewed", "gone", "past"]);
      const asked = [second.id, gone.id, first.id, second.id];
      const { answers } = await store.read(asked);
      assert.deepEqual(
        answers.map((answer) => answer.id),
        asked,
      );
      assert.deepEqual(await store.renew([]), []);
    });

    test("an end is pushed once, and only for what was live", async () => {
      const pushed: string[] = [];
      const silenced: string[] = [];
      store.onEnd((id) => silenced.push(id))();
      const unsubscribe = store.onEnd((id) => pushed.push(id));
      const [first, last] = [await created(), await created()];
      assert.equal(await store.end(first.id), true);
      assert.equal(await store.end(first.id), false);
      assert.equal(await store.end(freshId()), false);
      const lastPushed = new Promise<void>((resolve) => store.onEnd((id) => id === last.id && resolve()));
      assert.equal(await store.end(last.id), true);
      await lastPushed;
      unsubscribe();
      assert.deepEqual(pushed, [first.id, last.id]);
      assert.deepEqual(silenced, []);
    });

    test("questions and ids have a bound", async () => {
      const { id } = await created({ id: freshId().padEnd(MAX_ID_LENGTH, "x") });
      const most = Array.from({ length: MAX_QUESTION_IDS }, () => id);
      assert.equal((await store.read(most)).answers.filter((answer) => answer.known).length, MAX_QUESTION_IDS);
      await assert.rejects(store.read([...most, id]), refused("bad_request"));
      await assert.rejects(store.read([`${id}x`]), refused("bad_request"));
      await assert.rejects(store.end(""), refused("bad_request"));
    });

    test("more renewals than one script takes are all carried out", async () => {
      const lease = await created();
      const outcomes = await store.renew(Array.from({ length: MAX_QUESTION_IDS + 1 }, () => lease));
      assert.ok(outcomes.length === MAX_QUESTION_IDS + 1 && outcomes.every((outcome) => outcome === "renewed"));
      const answer = await answerTo(lease.id);
      assert.equal(answer.known && answer.beat, MAX_QUESTION_IDS + 2);
    });

    test("numbers that are none are refused", async () => {
      await assert.rejects(store.create(newLease({ windowMs: 0 })), refused("bad_request"));
      await assert.rejects(store.create(newLease({ knownForMs: Number.NaN })), refused("bad_request"));
      await assert.rejects(store.renew([newLease({ signOfLifeAt: Infinity })]), refused("bad_request"));
    });

    test("any sequence of requests does what the model does", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(actionOf(), { minLength: 1, maxLength: 30 }), async (actions) => {
          const model = createLeaseModel();
          const names = Array.from({ length: LEASES }, freshId);
          for (const action of actions) await play(action, harness, model, names);
          await compareReading(harness, model, names);
        }),
        { numRuns: 150 },
      );
    });

    test("once closed it answers nothing", async () => {
      const own = await open();
      try {
        await own.store.create(newLease({ signOfLifeAt: own.now() }));
        await own.store.close();
        assert.equal(own.store.incarnation, undefined);
        await assert.rejects(own.store.read([]), refused("store_unavailable"));
        await assert.rejects(own.store.create(newLease({ signOfLifeAt: own.now() })), refused("store_unavailable"));
      } finally {
        await own.close();
      }
    });
  });
}

/** Leases in one random run: few, so that the same one is met often. */
const LEASES = 3;

interface Action {
  readonly kind: "create" | "renew" | "end" | "read" | "advance";
  readonly leases: readonly number[];
  readonly ageMs: number;
  readonly moveForMs: number;
  readonly quietForMs: number;
  readonly knownForMs: number;
  readonly advanceMs: number;
}

function actionOf(): fc.Arbitrary<Action> {
  const spanMs = fc.integer({ min: -500, max: 3000 });
  return fc.record({
    kind: fc.constantFrom("create", "create", "renew", "renew", "renew", "end", "read", "advance", "advance"),
    leases: fc.array(fc.nat(LEASES - 1), { minLength: 1, maxLength: 4 }),
    ageMs: fc.oneof(fc.constant(0), fc.integer({ min: -2 * CLOCK_TOLERANCE_MS, max: 2500 })),
    moveForMs: spanMs,
    quietForMs: spanMs,
    knownForMs: spanMs,
    advanceMs: fc.integer({ min: 1, max: 1500 }),
  });
}

async function play(action: Action, harness: StoreHarness, model: LeaseModel, names: readonly string[]): Promise<void> {
  const { store } = harness;
  const request = (index: number): NewLease => ({
    id: names[index]!,
    windowMs: WINDOW_MS,
    signOfLifeAt: harness.now() - action.ageMs,
    moveForMs: action.moveForMs,
    quietForMs: action.quietForMs,
    knownForMs: action.knownForMs,
  });
  switch (action.kind) {
    case "advance":
      return harness.advance(action.advanceMs);
    case "read":
      return compareReading(harness, model, names);
    case "end": {
      const id = names[action.leases[0]!]!;
      return assert.equal(await store.end(id), model.end(id, harness.now()));
    }
    case "renew": {
      const renewals = action.leases.map(request);
      const expected = renewals.map((renewal) => model.renew(renewal, harness.now()));
      return assert.deepEqual(await store.renew(renewals), expected);
    }
    case "create": {
      const lease = request(action.leases[0]!);
      const outcome = await store.create(lease).then(
        () => "created",
        (error: VigilError) => error.reason,
      );
      return assert.equal(outcome, model.create(lease, harness.now()));
    }
  }
}

async function compareReading(harness: StoreHarness, model: LeaseModel, names: readonly string[]): Promise<void> {
  const { answers } = await harness.store.read(names);
  assert.deepEqual(
    answers,
    names.map((id) => model.read(id, harness.now())),
  );
}
