import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { refusal } from "../../testing/bench.js";
import { createVirtualClock } from "../../testing/virtual-clock.js";
import { encodeLine, parseNumber } from "./protocol.js";
import { createQuestions, MAX_WAITING_QUESTIONS } from "./questions.js";

function rig() {
  const clock = createVirtualClock();
  const sent: string[] = [];
  const silences: string[] = [];
  const questions = createQuestions({
    clock,
    send: (text) => void sent.push(text),
    silent: (error) => void silences.push(error.message),
  });
  const answer = (text: string) => questions.receive(encodeLine(text).trimEnd());
  const ask = (text: string, urgent = false) => questions.ask(text, parseNumber, { urgent });
  return { clock, sent, silences, questions, answer, ask };
}

test("questions go one at a time, urgent ones first", async () => {
  const { sent, ask, answer } = rig();
  const answers = [ask("r a"), ask("r b"), ask("r c", true)];
  assert.deepEqual(sent, [encodeLine("r a")]);
  for (const reply of ["1", "3", "2"]) answer(reply);
  assert.deepEqual(await Promise.all(answers), [1, 2, 3]);
  assert.deepEqual(sent, ["r a", "r c", "r b"].map(encodeLine));
});

test("what is no answer is passed over", async () => {
  const { questions, ask, answer } = rig();
  const asked = ask("r a");
  for (const line of ["", "garbage", "7", "7*0", "\u0000\u00ff*1"]) questions.receive(line);
  answer("1.0 2.0");
  answer("8");
  assert.equal(await asked, 8);
  answer("9");
});

test("an answer that came too late is never taken for the next one's", async () => {
  const { clock, sent, ask, answer } = rig();
  const late = ask("r a");
  late.catch(() => undefined);
  const next = ask("r b");
  await clock.advance(1 + 200 + 20);
  await assert.rejects(late, refusal("driver", /no answer to "r a"/));
  assert.equal(sent.at(-1), encodeLine("i"));
  answer("1");
  answer("Hardware version: 3.6-56V");
  answer("Serial number: 1");
  assert.equal(sent.at(-1), encodeLine("r b"));
  answer("2");
  assert.equal(await next, 2);
});

test("a complaint ends the question, and whatever else was under way is dropped", async () => {
  const { sent, ask, answer } = rig();
  const asked = ask("r a");
  const next = ask("r b");
  answer("invalid property");
  await assert.rejects(asked, refusal("driver", /answers "invalid property" to "r a"/));
  answer("1");
  answer("Serial number: 1");
  answer("2");
  assert.equal(await next, 2);
  assert.equal(sent.length, 3);
});

test("a drive that stays silent is reported once, and its questions fail", async () => {
  const { clock, silences, questions, ask } = rig();
  const asked = [ask("r a"), ask("r b")];
  for (const each of asked) each.catch(() => undefined);
  await clock.advance(5000);
  assert.deepEqual(silences, ["the drive does not answer; check its supply, cable and baud rate"]);
  questions.fail(new VigilError("driver", "gone"));
  await assert.rejects(asked[0]!, refusal("driver", /no answer/));
  await assert.rejects(asked[1]!, refusal("driver", /gone/));
  assert.equal(clock.pending(), 0);
});

test("the queue is bounded; an urgent question always has room", async () => {
  const { questions, ask, answer } = rig();
  const first = ask("r first");
  const waiting = Array.from({ length: MAX_WAITING_QUESTIONS }, (_, index) => ask(`r ${index}`));
  for (const each of [first, ...waiting]) each.catch(() => undefined);
  await assert.rejects(ask("r more"), refusal("limit", /too many/));
  const urgent = ask("r urgent", true);
  answer("1");
  answer("2");
  assert.deepEqual(await Promise.all([first, urgent]), [1, 2]);
  questions.fail(new VigilError("driver", "gone"));
});
