import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_ASKED_SESSIONS, REMEMBERED_ENDS, REMEMBERED_TICKS } from "./bounds.js";
import { fenceOf } from "./fence.js";
import { foldAnswer, type LeaseView } from "./lease-view.js";
import { createPartSessions } from "./part-sessions.js";
import { createGuardRig, motor } from "./testing/guard-rig.js";
import { createTicks } from "./ticks.js";

const facts = fc.record({
  beat: fc.integer({ min: 1, max: 5 }),
  windowMs: fc.constantFrom(300, 2000),
  moveLeftMs: fc.integer({ min: -3000, max: 70_000 }),
  quietLeftMs: fc.integer({ min: -3000, max: 70_000 }),
});

test("no order of answers lets a lease live past any answer about its newest beat (R3)", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(facts, fc.nat(10_000)), { minLength: 1, maxLength: 20 }), (answers) => {
      let view: LeaseView | undefined;
      for (const [answer, askedAt] of answers) view = foldAnswer(view, answer, askedAt);
      const newest = Math.max(...answers.map(([{ beat }]) => beat));
      assert.equal(view!.beat, newest);
      for (const [{ beat, windowMs, moveLeftMs, quietLeftMs }, askedAt] of answers) {
        if (beat !== newest) continue;
        assert.ok(view!.moveDeadline <= askedAt + Math.min(windowMs, moveLeftMs));
        assert.ok(view!.quietDeadline <= askedAt + quietLeftMs);
      }
      assert.ok(view!.quietDeadline <= view!.moveDeadline);
    }),
  );
});

test("an answer without proper numbers grants nothing", () => {
  for (const bad of [Number.NaN, Infinity]) {
    const view = foldAnswer(undefined, { beat: 1, windowMs: bad, moveLeftMs: bad, quietLeftMs: bad }, 0);
    assert.ok(!(0 < view.moveDeadline) && !(0 < view.quietDeadline));
    assert.equal(foldAnswer(view, { beat: Number.NaN, windowMs: 1, moveLeftMs: 1, quietLeftMs: 1 }, 0), view);
  }
});

test("a tick's age is told for every remembered number, and for no other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(400), { minLength: 1, maxLength: 2500 }),
      fc.integer({ min: -5, max: 3000 }),
      (gaps, asked) => {
        const ticks = createTicks();
        const times = [Number.NaN];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          assert.equal(ticks.next(now), times.push(now) - 1);
        }
        const isKnown = asked >= 1 && asked <= gaps.length && asked > gaps.length - REMEMBERED_TICKS;
        assert.equal(ticks.ageMs(asked, now), isKnown ? now - times[asked]! : Infinity);
        assert.equal(ticks.ageMs(asked + 0.5, now), Infinity);
      },
    ),
    { numRuns: 30 },
  );
});

test("no two fences of a part are ever equal, whatever raises them (R4)", () => {
  const step = fc.oneof(fc.constantFrom("A", "B"), fc.constant("generation" as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sessions = createPartSessions("boot");
      for (const id of ["A", "B"]) sessions.touch(id, "store", 0);
      const seen = { A: new Set(["boot.0.0"]), B: new Set(["boot.0.0"]) };
      for (const which of steps) {
        if (which === "generation") sessions.raiseGeneration(0);
        else sessions.raiseFence(sessions.get(which)!);
        for (const id of which === "generation" ? (["A", "B"] as const) : [which as "A" | "B"]) {
          const fence = sessions.fence({ id });
          assert.ok(!seen[id].has(fence));
          seen[id].add(fence);
        }
      }
    }),
  );
  assert.notEqual(fenceOf("boot", 1, 11), fenceOf("boot", 11, 1));
});

test("ends are remembered up to their bound, the oldest goes first", () => {
  const sessions = createPartSessions("boot");
  for (let count = 0; count <= REMEMBERED_ENDS; count += 1) sessions.end(`id ${count}`);
  assert.ok(!sessions.hasEnded("id 0"));
  assert.ok(sessions.hasEnded("id 1"));
});

test("a question names no more sessions than a store takes, the latest used among them", () => {
  const rig = createGuardRig();
  for (let count = 0; count <= MAX_ASKED_SESSIONS; count += 1) rig.guard.suspend(`id ${count}`, rig.now + count / 1000);
  const asked = rig.guard.sessionsToAsk(rig.now + 10);
  assert.equal(asked.length, MAX_ASKED_SESSIONS);
  assert.ok(asked.includes(`id ${MAX_ASKED_SESSIONS}`) && !asked.includes("id 0"));
});

/** One step of anything that can happen to a part. */
const inputs = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 700 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pause" as const), ms: fc.integer({ min: 1, max: 3000 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      session: fc.constantFrom("A", "B", "C"),
      resource: fc.constantFrom("left", "base", "arm"),
      class: fc.constantFrom("move" as const, "move_endless" as const, "use" as const),
      stamp: fc.constantFrom("newest", "oldest"),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("renew" as const), session: fc.constantFrom("A", "B", "C") }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("settle" as const), which: fc.nat(10) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("acknowledge" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("end" as const, "suspend" as const, "unknown" as const, "close" as const),
      session: fc.constantFrom("A", "B", "C"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("stop" as const, "stopAll" as const, "lost" as const, "sleep" as const, "store" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("cut" as const, "rearm" as const, "rearm" as const, "release" as const),
      resource: fc.constantFrom("left", "base", "arm"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat(10) }) },
);

test("whatever happens in whatever order, the guard keeps its rules", () => {
  fc.assert(
    fc.property(fc.array(inputs, { maxLength: 80 }), (steps) => {
      const rig = createGuardRig({ groups: [["left", "right", "base"].map((name) => motor(name)), [motor("arm")]] });
      const groupOf = (resource: string) => (resource === "arm" ? 1 : 0);
      const calls = new Map<number, { session: string; group: number; motion: boolean; state: string }>();
      const over = new Set<string>();
      let waiting = new Set<number>();
      let incarnation = 0;
      const look = () => {
        const seenStops = new Set<number>();
        const aborted: { group: number; motion: boolean; session: string }[] = [];
        for (const line of rig.log()) {
          const [what, subject] = line.split(" ") as [string, string];
          if (what === "stop") seenStops.add(groupOf(subject));
          const call = calls.get(Number(subject));
          if (!call) continue;
          if (what === "start") {
            assert.equal(call.state, "asked", "a call starts once, and never after it was refused");
            assert.ok(!over.has(call.session), "nothing of an ended session starts");
            assert.ok(!waiting.has(call.group), "nothing starts that waits for a person");
            call.state = "running";
          } else if (what === "abort") {
            assert.ok(!seenStops.has(call.group), "P3: a call is aborted before its stop, not after");
            assert.equal(call.state, "running");
            call.state = "aborted";
            aborted.push(call);
          } else if (what === "refuse") call.state = "over";
        }
        const groups = rig.guard.groups();
        for (const [id, call] of calls) {
          const may = rig.mayAct(id);
          if (call.state !== "running") assert.ok(!may, "only a running call acts");
          if (may) {
            assert.ok(!over.has(call.session), "P4");
            assert.ok(!groups[call.group]!.stopping, "nothing acts while its group is stopping");
            if (call.motion) assert.equal(groups[call.group]!.owner, call.session, "who moves it owns it");
          }
        }
        for (const [index, group] of groups.entries()) {
          const running = [...calls.values()].filter((call) => call.group === index && call.state === "running");
          assert.ok(running.filter(({ motion }) => motion).length <= 1, "one motion at a time");
          if (group.owner) assert.ok(!over.has(group.owner), "an ended session owns nothing");
          for (const user of group.users) assert.ok(!over.has(user));
          const isValid = rig.guard.ownerValidForMs(group.resources[0]!, rig.now) > 0;
          if (isValid)
            assert.ok(group.owner && !group.stopping && !group.awaitsRearm, "a watchdog is fed for a motion");
        }
        waiting = new Set([0, 1].filter((index) => groups[index]!.awaitsRearm));
        assert.ok(rig.guard.dueAt() > rig.now || rig.guard.dueAt() === Infinity || settles(rig), "no timer spins");
      };
      for (const step of steps) {
        if (step.do === "pass") rig.pass(step.ms);
        else if (step.do === "pause") rig.pause(step.ms);
        else if (step.do === "call") {
          const motion = step.class !== "use";
          calls.set(calls.size + 1, { session: step.session, group: groupOf(step.resource), motion, state: "asked" });
          rig.call({
            session: step.session,
            resource: step.resource,
            class: step.class,
            incarnation: `store ${incarnation}`,
            ...(step.stamp === "oldest" && { fence: "boot.0.0" }),
          });
        } else if (step.do === "renew") {
          rig.guard.linkAlive(rig.now, rig.now);
          const beat = Math.floor(rig.now * 1000);
          rig.answer([rig.lease(step.session, beat, 2000, 800)], { incarnation: `store ${incarnation}` });
        } else if (step.do === "settle" || step.do === "cancel") {
          const running = [...calls].filter(([, { state }]) => state === "running" || state === "aborted");
          const [id, call] = running[step.which % Math.max(1, running.length)] ?? [];
          if (id === undefined || !call) continue;
          if (step.do === "cancel") rig.guard.cancelled(id, rig.now);
          else {
            look();
            call.state = "over";
            rig.guard.settled(id, rig.now);
          }
        } else if (step.do === "acknowledge") rig.acknowledge();
        else if (step.do === "end") {
          over.add(step.session);
          rig.guard.sessionEnded(step.session, rig.now);
        } else if (step.do === "suspend") rig.guard.suspend(step.session, rig.now);
        else if (step.do === "unknown") {
          if (rig.guard.sessionsToAsk(rig.now).includes(step.session)) {
            rig.answer([{ id: step.session, facts: undefined }], { incarnation: `store ${incarnation}` });
          }
        } else if (step.do === "close") rig.guard.connectionClosed(`connection of ${step.session}`, rig.now);
        else if (step.do === "stop") rig.guard.clientStop("base", 0, rig.now);
        else if (step.do === "cut") rig.guard.requireRearm(step.resource, "e_stop", rig.now);
        else if (step.do === "rearm") rig.guard.rearm(step.resource, rig.now);
        else if (step.do === "release") rig.guard.stopResource(step.resource, "released", rig.now);
        else if (step.do === "stopAll") rig.guard.stopAll("stop_all", rig.now);
        else if (step.do === "lost") rig.guard.linkLost(rig.now);
        else if (step.do === "sleep") rig.guard.clockStepped(rig.now);
        else incarnation += 1;
        for (const event of rig.events) if (event.kind === "fenced" && event.final) over.add(event.session!);
        look();
      }
      // Left alone it comes to rest: nobody owns, nothing is in flight, nothing is being stopped.
      for (const [id, { state }] of calls)
        if (state === "running" || state === "aborted") rig.guard.settled(id, rig.now);
      rig.pass(3000);
      for (const [id, { state }] of calls) if (state !== "over") rig.guard.settled(id, rig.now);
      rig.acknowledge();
      for (const group of rig.guard.groups()) {
        assert.deepEqual([group.owner, group.users, group.stopping], [undefined, [], false]);
      }
      assert.equal(rig.guard.dueAt() > rig.now, true);
    }),
    { numRuns: 1500 },
  );
});

/** What is due now is done by one poll. */
function settles(rig: ReturnType<typeof createGuardRig>): boolean {
  rig.guard.poll(rig.now);
  return rig.guard.dueAt() > rig.now;
}
