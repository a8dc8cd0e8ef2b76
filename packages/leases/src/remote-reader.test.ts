import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom, VigilError } from "@vigil/shared";
import fc from "fast-check";
import { MAX_QUESTION_IDS } from "./lease-store.js";
import { createMemoryStore } from "./memory-store.js";
import { createRemoteReader, type LeaseQuestion, MAX_OPEN_QUESTIONS, type RemoteAnswer } from "./remote-reader.js";
import { createRemoteServer } from "./remote-server.js";
import { createVirtualClock } from "./testing/index.js";

const TIMEOUT_MS = 200;
const unavailable = (error: unknown) => error instanceof VigilError && error.reason === "store_unavailable";

/** A part's reader whose questions the test carries to the gateway's store by hand, as plain data. */
function setUp() {
  const clock = createVirtualClock();
  const store = createMemoryStore({ clock, random: systemRandom });
  const server = createRemoteServer(store);
  const sent: LeaseQuestion[] = [];
  const remote = createRemoteReader({ clock, send: (question) => sent.push(question) }, { timeoutMs: TIMEOUT_MS });
  const answer = async (question: LeaseQuestion): Promise<RemoteAnswer> =>
    JSON.parse(JSON.stringify(await server.handle(JSON.parse(JSON.stringify(question)))));
  return { clock, store, server, sent, remote, answer };
}

const spans = { windowMs: 2000, moveForMs: 2000, quietForMs: 2000, knownForMs: 2000 };

test("a part reads what the gateway's store holds", async () => {
  const { clock, store, sent, remote, answer } = setUp();
  await store.create({ id: "a", signOfLifeAt: clock.now(), ...spans });
  const reading = remote.reader.read(["b", "a"]);
  remote.receive(await answer(sent[0]!));
  assert.deepEqual(await reading, await store.read(["b", "a"]));
});

test("answers in any order, doubled or unknown, reach only their own question", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), async (order) => {
      const { clock, store, sent, remote, answer } = setUp();
      for (const id of ["0", "1", "2", "3", "4"]) await store.create({ id, signOfLifeAt: clock.now(), ...spans });
      const readings = [0, 1, 2, 3, 4].map((i) => remote.reader.read([String(i)]));
      remote.receive({ questionId: 999, reading: { incarnation: "x", answers: [] } });
      for (const index of order) {
        remote.receive(await answer(sent[index]!));
        remote.receive({ questionId: sent[index]!.questionId, reading: { incarnation: "x", answers: [] } });
      }
      const ids = (await Promise.all(readings)).map((reading) => reading.answers[0]?.id);
      assert.deepEqual(ids, ["0", "1", "2", "3", "4"]);
    }),
    { numRuns: 30 },
  );
});

test("no answer in time is a refusal, and the late one is ignored", async () => {
  const { clock, sent, remote, answer } = setUp();
  const reading = remote.reader.read(["a"]);
  const rejected = assert.rejects(reading, unavailable);
  const late = await answer(sent[0]!);
  clock.advance(TIMEOUT_MS - 1);
  remote.receive(await answer({ questionId: -1, ids: [] }));
  clock.advance(1);
  await rejected;
  remote.receive(late);
});

test("an answer that lay in the socket while the process was paused still counts", async () => {
  const sent: LeaseQuestion[] = [];
  const timers: (() => void)[] = [];
  // Timers that are due run by hand: after a pause they come before the sockets.
  const handClock = {
    ...createVirtualClock(),
    after(_delayMs: number, task: () => void) {
      timers.push(task);
      return { cancel: () => void timers.splice(timers.indexOf(task), 1) };
    },
  };
  const remote = createRemoteReader({ clock: handClock, send: (question) => sent.push(question) }, { timeoutMs: 1 });
  const reading = remote.reader.read([]);
  timers.shift()!();
  remote.receive({ questionId: sent[0]!.questionId, reading: { incarnation: "i", answers: [] } });
  assert.equal((await reading).incarnation, "i");
  assert.equal(timers.length, 0);
});

test("a lost path fails what is open at once, and the next questions are new ones", async () => {
  const { sent, remote, answer } = setUp();
  const open = [remote.reader.read(["a"]), remote.reader.read(["a"])];
  const rejected = Promise.all(open.map((reading) => assert.rejects(reading, unavailable)));
  remote.disconnected();
  await rejected;
  const next = remote.reader.read(["a"]);
  remote.receive(await answer(sent[0]!));
  remote.receive(await answer(sent[2]!));
  assert.deepEqual((await next).answers, [{ id: "a", known: false }]);
  assert.equal(new Set(sent.map((question) => question.questionId)).size, 3);
});

test("without a path it refuses at once, and open questions have a bound", async () => {
  const { clock, remote, sent } = setUp();
  const pathless = createRemoteReader(
    {
      clock,
      send: () => {
        throw new Error("not open");
      },
    },
    { timeoutMs: TIMEOUT_MS },
  );
  await assert.rejects(pathless.reader.read(["a"]), unavailable);

  const open = Array.from({ length: MAX_OPEN_QUESTIONS }, () => remote.reader.read(["a"]));
  await assert.rejects(remote.reader.read(["a"]), unavailable);
  assert.equal(sent.length, MAX_OPEN_QUESTIONS);
  const rejected = Promise.all(open.map((reading) => assert.rejects(reading, unavailable)));
  remote.disconnected();
  await rejected;
});

test("what the store refuses is told with its reason", async () => {
  const { store, server, sent, remote, answer } = setUp();
  const tooMany = Array.from({ length: MAX_QUESTION_IDS + 1 }, () => "a");
  const refusal = await server.handle({ questionId: 1, ids: tooMany });
  assert.equal("error" in refusal && refusal.error.reason, "bad_request");
  await assert.rejects(remote.reader.read(tooMany), (error: VigilError) => error.reason === "bad_request");
  assert.equal(sent.length, 0);

  const reading = remote.reader.read(["a"]);
  const rejected = assert.rejects(reading, unavailable);
  await store.close();
  remote.receive(await answer(sent[0]!));
  await rejected;
});

test("pushed ends reach the part's listeners until they unsubscribe", async () => {
  const { clock, store, remote } = setUp();
  store.onEnd((id) => remote.receiveEnd(id));
  const ends: string[] = [];
  const unsubscribe = remote.reader.onEnd((id) => ends.push(id));
  for (const id of ["a", "b"]) await store.create({ id, signOfLifeAt: clock.now(), ...spans });
  await store.end("a");
  unsubscribe();
  await store.end("b");
  assert.deepEqual(ends, ["a"]);
});
