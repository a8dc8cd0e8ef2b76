import assert from "node:assert/strict";
import { test } from "node:test";
import { IDLE_SESSION_MS, LATE_TICK_MS, LINK_FRESH_MS, MAX_WAITING_CALLS, TICK_MS } from "./bounds.js";
import { createGuardRig, motor, SETTLE_MS, WINDOW_MS } from "./testing/guard-rig.js";

const base = ["left", "right", "base"].map((name) => motor(name));

test("a call waits for its session's first lease, then starts and may act", () => {
  const rig = createGuardRig();
  const id = rig.call();
  assert.deepEqual(rig.log(), []);
  assert.equal(rig.asked, 1);
  assert.deepEqual(rig.guard.sessionsToAsk(rig.now), ["S"]);
  rig.renew("S");
  assert.deepEqual(rig.log(), ["start 1"]);
  assert.ok(rig.mayAct(id));
  assert.deepEqual(rig.guard.groups(), [
    { resources: ["motor"], owner: "S", users: [], stopping: false, awaitsRearm: undefined, callsInFlight: 1 },
  ]);
});

test("a call that gets no lease in time is refused, and says why", () => {
  const rig = createGuardRig();
  const id = rig.call();
  rig.pass(300);
  assert.equal(rig.errorOf(id), undefined);
  rig.pass(TICK_MS);
  assert.equal(rig.errorOf(id)?.reason, "store_unavailable");
});

test("an act is refused at the very deadline, by the clock and not by a timer (R5)", () => {
  const rig = createGuardRig();
  const id = rig.started();
  for (let passed = 0; passed < WINDOW_MS; passed += 100) {
    assert.ok(rig.mayAct(id), `after ${passed} ms`);
    rig.pause(100);
    rig.guard.linkAlive(rig.now, rig.now);
    rig.guard.tick(rig.now);
    if (passed === WINDOW_MS - 200) assert.equal(rig.guard.validForMs(id, rig.now), 100);
  }
  assert.ok(!rig.mayAct(id));
  assert.equal(rig.guard.validForMs(id, rig.now), 0);
  assert.deepEqual(rig.log().slice(1), ["abort 1", "stop motor 1"]);
});

test("the lapse aborts, then stops, without a call of anyone; a poll at dueAt is enough", () => {
  const rig = createGuardRig();
  rig.started();
  rig.log();
  rig.pass(WINDOW_MS - 1);
  assert.deepEqual(rig.log(), []);
  rig.pass(1);
  assert.deepEqual(rig.log(), ["abort 1", "stop motor 1"]);
  const fenced = rig.events.find(({ kind }) => kind === "fenced");
  assert.ok(fenced?.kind === "fenced" && !fenced.final);
  assert.deepEqual([fenced.session, fenced.cause, fenced.operationsCancelled], ["S", "lapsed", 1]);
});

test("a beat that comes after the lapse revives the session, but no command from before it (R4)", () => {
  const rig = createGuardRig();
  rig.started({ class: "move_endless" });
  rig.pass(WINDOW_MS);
  rig.guard.settled(1, rig.now);
  rig.acknowledge();
  rig.renew("S");
  const old = rig.call({ fence: "boot.0.0" });
  assert.equal(rig.errorOf(old)?.reason, "fenced");
  const fresh = rig.call();
  assert.equal(rig.errorOf(fresh), undefined);
  assert.ok(rig.mayAct(fresh));
});

test("a suspension by the gateway leaves the deadline of the same beat in force", () => {
  const rig = createGuardRig();
  rig.started();
  rig.guard.settled(1, rig.now);
  rig.pass(500);
  rig.guard.suspend("S", rig.now);
  rig.acknowledge();
  const again = rig.call();
  assert.ok(rig.mayAct(again));
  rig.log();
  rig.pass(WINDOW_MS - 500);
  assert.deepEqual(rig.log(), ["abort 2", "stop motor 1"]);
});

test("a suspension fences commands of a session that the part has not met yet", () => {
  const rig = createGuardRig();
  rig.guard.suspend("S", rig.now);
  const late = rig.call({ fence: "boot.0.0" });
  rig.renew("S");
  assert.equal(rig.errorOf(late)?.reason, "fenced");
  const next = rig.call();
  assert.ok(rig.mayAct(next));
});

test("a suspended session that the store does not know yet keeps its fence until it is idle (R4)", () => {
  const rig = createGuardRig();
  rig.guard.suspend("S", rig.now);
  rig.answer([{ id: "S", facts: undefined }]);
  const late = rig.call({ fence: "boot.0.0" });
  rig.renew("S");
  assert.equal(rig.errorOf(late)?.reason, "fenced");
  rig.guard.suspend("T", rig.now);
  rig.pass(IDLE_SESSION_MS);
  rig.answer([{ id: "T", facts: undefined }]);
  assert.ok(!rig.guard.sessionsToAsk(rig.now).includes("T"));
});

test("a fence is equal or it is not: neither a later one nor another boot's passes (R4)", () => {
  const rig = createGuardRig();
  rig.started();
  for (const fence of ["boot.0.1", "boot.1.0", "boot.9.9", "other.0.0", "zzzz", ""]) {
    assert.equal(rig.errorOf(rig.call({ fence }))?.reason, "fenced", fence);
  }
});

test("a pushed end is final, whatever the store says later (R4)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.guard.sessionEnded("S", rig.now);
  assert.deepEqual(rig.log().slice(1), ["abort 1", "stop motor 1"]);
  rig.renew("S", WINDOW_MS);
  assert.equal(rig.errorOf(rig.call())?.reason, "session_ended");
  rig.guard.sessionEnded("T", rig.now);
  assert.equal(rig.errorOf(rig.call({ session: "T" }))?.reason, "session_ended");
});

test("an answer 'unknown' ends the session; another data set ends all known under the old one (R4)", () => {
  const rig = createGuardRig({ groups: [[motor("a")], [motor("b")]] });
  rig.started({ resource: "a" });
  rig.started({ resource: "b", session: "T" });
  rig.log();
  rig.answer([{ id: "S", facts: undefined }]);
  assert.deepEqual(rig.log(), ["abort 1", "stop a 1"]);
  rig.answer([], { incarnation: "other" });
  assert.deepEqual(rig.log(), ["abort 2", "stop b 1"]);
  assert.equal(rig.errorOf(rig.call({ session: "T" }))?.reason, "session_ended");
});

test("calls of a new data set's session outlive answers of the old one, and an old packet ends nobody (R4)", () => {
  const rig = createGuardRig();
  const early = rig.now;
  const id = rig.call({ incarnation: "new" });
  rig.answer([{ id: "S", facts: undefined }], { incarnation: "old" });
  assert.equal(rig.errorOf(id), undefined, "an answer about another data set says nothing about it");
  rig.pause(10);
  rig.answer([rig.lease("S", 1)], { incarnation: "new" });
  assert.ok(rig.mayAct(id));
  rig.answer([{ id: "S", facts: undefined }], { incarnation: "old", askedAt: early });
  assert.ok(rig.mayAct(id), "an answer that was asked for earlier came later");
});

test("a fresh lease without a live command path moves nothing (R3)", () => {
  const rig = createGuardRig();
  const id = rig.started();
  rig.log();
  rig.keepLink = false;
  rig.pass(LINK_FRESH_MS - 50);
  assert.ok(rig.mayAct(id));
  rig.renew("S");
  rig.pass(50);
  assert.ok(!rig.mayAct(id));
  assert.deepEqual(rig.log(), ["abort 1", "stop motor 1"]);
  assert.deepEqual(
    rig.events.map((event) => (event.kind === "fenced" ? [event.session, event.cause, event.fence] : event.kind)),
    [
      [undefined, "link", ""],
      ["S", "link", "boot.1.0"],
    ],
  );
  rig.guard.settled(id, rig.now);
  rig.acknowledge();
  rig.renew("S");
  assert.equal(rig.errorOf(rig.call())?.reason, "fenced");
});

test("an old answer to a challenge is no proof of the link: the sending counts (R3)", () => {
  const rig = createGuardRig();
  const sentAt = rig.now;
  rig.keepLink = false;
  rig.pass(LINK_FRESH_MS);
  rig.guard.linkAlive(sentAt, rig.now);
  rig.renew("S");
  const id = rig.call();
  rig.renew("S");
  assert.equal(rig.errorOf(id)?.reason, "fenced");
});

test("a lost link forgets every fence that the next link could not know of (R4)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.guard.suspend("S", rig.now);
  rig.guard.linkLost(rig.now);
  rig.guard.linkLost(rig.now);
  rig.guard.suspend("S", rig.now);
  rig.guard.linkLost(rig.now);
  rig.guard.settled(1, rig.now);
  rig.acknowledge();
  rig.pause(1);
  rig.guard.linkAlive(rig.now, rig.now);
  const id = rig.call({ fence: `boot.${rig.guard.generation()}.0` });
  rig.renew("S");
  assert.ok(rig.mayAct(id));
});

test("a guard tick that comes late fences every session, stops all, and asks anew (R5)", () => {
  const rig = createGuardRig({ groups: [[motor("a")], [motor("b")]] });
  const id = rig.started({ resource: "a" });
  rig.log();
  const askedAt = rig.now;
  rig.pause(TICK_MS + LATE_TICK_MS);
  assert.ok(rig.mayAct(id));
  rig.pause(1);
  assert.ok(!rig.mayAct(id), "what was queued runs before the timer, and is refused");
  assert.deepEqual(rig.log(), ["abort 1", "stop a 1", "stop b 1"]);
  rig.guard.settled(id, rig.now);
  rig.acknowledge();
  rig.guard.linkAlive(rig.now, rig.now);
  rig.guard.tick(rig.now);
  rig.answer([rig.lease("S", 2)], { askedAt });
  const next = rig.call({ resource: "a", tick: 2 });
  assert.ok(!rig.mayAct(next), "an answer asked for before the pause is no lease after it");
  rig.answer([rig.lease("S", 2)]);
  assert.ok(rig.mayAct(next));
});

test("a step of the boot-time clock distrusts what was heard before it (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  const before = rig.now;
  rig.pause(10);
  rig.guard.clockStepped(rig.now);
  rig.guard.settled(1, rig.now);
  rig.acknowledge();
  rig.answer([rig.lease("S", 2)]);
  rig.guard.linkAlive(before, rig.now);
  assert.equal(rig.errorOf(rig.call())?.reason, "fenced");
  rig.guard.linkAlive(rig.now, rig.now);
  assert.ok(rig.mayAct(rig.call()));
});

test("a command is refused by the age of its tick, on this part's clock alone (R5)", () => {
  const rig = createGuardRig({ maxCommandAgeMs: 300 });
  rig.pass(1000);
  const tick = rig.guard.tick(rig.now);
  rig.pass(300);
  assert.equal(rig.errorOf(rig.call({ tick })), undefined);
  rig.pass(1);
  assert.equal(rig.errorOf(rig.call({ tick }))?.reason, "stale");
  assert.equal(rig.errorOf(rig.call({ tick: 0 }))?.reason, "stale");
  assert.equal(rig.errorOf(rig.call({ tick: 999_999 }))?.reason, "stale", "a number that was never given");
});

test("how old a command may be is what the gateway has told last (R5)", () => {
  const rig = createGuardRig();
  rig.renew("S");
  rig.guard.limitCommandAge(1000);
  rig.started();
  rig.guard.settled(1, rig.now);
  const old = rig.guard.tick(rig.now);
  rig.pass(900);
  rig.renew("S");
  assert.equal(rig.errorOf(rig.call({ tick: old })), undefined);
  rig.pass(150);
  const late = rig.errorOf(rig.call({ tick: old }));
  assert.equal(late?.reason, "stale");
  assert.match(late.message, /older than 1000 ms/);
  rig.guard.limitCommandAge(100);
  const newer = rig.guard.tick(rig.now);
  rig.pass(150);
  assert.equal(rig.errorOf(rig.call({ tick: newer }))?.reason, "stale");
});

test("a stale message aborts its stream and stops what it moved", () => {
  const rig = createGuardRig();
  const id = rig.started();
  rig.log();
  const tick = rig.guard.tick(rig.now);
  assert.ok(rig.guard.messageArrived(id, tick, rig.now));
  rig.pass(301);
  assert.ok(!rig.guard.messageArrived(id, tick, rig.now));
  assert.equal(rig.errorOf(id)?.reason, "stale");
  assert.deepEqual(rig.log(), ["abort 1", "stop motor 1"]);
  const waiting = rig.call({ session: "T" });
  assert.ok(!rig.guard.messageArrived(waiting, tick, rig.now), "one that waits is judged as well");
  assert.equal(rig.errorOf(waiting)?.reason, "stale");
});

test("stopping lasts until the calls in flight have settled and a stop after that is acknowledged (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.log();
  rig.guard.sessionEnded("S", rig.now);
  rig.guard.stopAcknowledged("motor", 1, rig.now);
  assert.ok(rig.guard.groups()[0]!.stopping);
  const other = rig.call({ session: "T" });
  rig.renew("T");
  assert.equal(rig.errorOf(other)?.reason, "stopping");
  rig.guard.settled(1, rig.now);
  assert.deepEqual(rig.log(), ["abort 1", "stop motor 1", "refuse 2 stopping", "stop motor 2"]);
  rig.guard.stopAcknowledged("motor", 1, rig.now);
  assert.ok(rig.guard.groups()[0]!.stopping, "the first stop came before the call settled");
  rig.guard.stopAcknowledged("motor", 2, rig.now);
  assert.ok(rig.guard.settledDown());
  assert.ok(rig.mayAct(rig.call({ session: "T" })));
});

test("while a handler ignores its abort the stop is repeated, and told as failed once (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.guard.sessionEnded("S", rig.now);
  rig.log();
  const stops: number[] = [];
  for (let passed = 0; passed < 4000; passed += 50) {
    rig.acknowledge();
    rig.pass(50);
    if (rig.log().some((line) => line.startsWith("stop"))) stops.push(passed + 50);
  }
  assert.deepEqual(stops, [100, 300, 700, 1500, 2500, 3500]);
  const reports = () => rig.events.flatMap((event) => (event.kind === "stop" ? [event.outcome] : []));
  assert.deepEqual(reports(), ["failed"]);
  rig.guard.settled(1, rig.now);
  rig.acknowledge();
  assert.deepEqual(reports(), ["failed", "stopped"]);
  assert.equal(rig.guard.dueAt() > rig.now, true);
});

test("a stop that hangs holds up no other resource and no other session (P5)", () => {
  const rig = createGuardRig({ groups: [[motor("a")], [motor("b")]] });
  rig.started({ resource: "a" });
  rig.guard.sessionEnded("S", rig.now);
  const b = rig.call({ resource: "b", session: "T" });
  rig.renew("T");
  assert.ok(rig.mayAct(b));
  for (let beats = 0; beats < 10; beats += 1) {
    rig.pass(500);
    rig.renew("T");
  }
  assert.ok(rig.mayAct(b));
  assert.equal(rig.errorOf(rig.call({ resource: "a", session: "T" }))?.reason, "stopping");
});

test("B's motion waits for A's call to let go, then runs; A's later end touches nothing of B's (R5)", () => {
  const rig = createGuardRig();
  const a = rig.started();
  rig.log();
  const b = rig.call({ session: "B" });
  rig.renew("B");
  assert.deepEqual(rig.log(), ["abort 1"]);
  assert.ok(!rig.mayAct(a), "a superseded handle can do nothing, not even stop");
  assert.ok(!rig.mayAct(b));
  rig.guard.settled(a, rig.now);
  assert.deepEqual(rig.log(), ["start 2"]);
  assert.ok(rig.mayAct(b));
  rig.guard.sessionEnded("S", rig.now);
  assert.deepEqual(rig.log(), []);
  assert.ok(rig.mayAct(b));
  rig.guard.sessionEnded("B", rig.now);
  assert.deepEqual(rig.log(), ["abort 2", "stop motor 1"]);
});

test("who does not let go within the settle bound is stopped, however often a newer command comes (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.log();
  let last = 0;
  for (let passed = 0; passed < SETTLE_MS; passed += 100) {
    last = rig.call({ session: "B" });
    rig.renew("B");
    rig.pass(100);
  }
  assert.equal(rig.errorOf(last)?.reason, "stopping");
  assert.ok(rig.log().includes("stop motor 1"));
  assert.ok(rig.guard.groups()[0]!.stopping);
  assert.equal(rig.guard.groups()[0]!.owner, undefined);
});

test("within one session a new motion replaces the old without stopping (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.log();
  rig.call();
  rig.guard.settled(1, rig.now);
  assert.deepEqual(rig.log(), ["abort 1", "start 2"]);
});

test("a successor that is given up leaves a stop behind, since it has aborted the one before it", () => {
  const rig = createGuardRig();
  rig.started();
  const b = rig.call({ session: "B" });
  rig.renew("B");
  rig.log();
  rig.guard.cancelled(b, rig.now);
  assert.deepEqual(rig.log(), ["refuse 2 cancelled", "stop motor 1"]);
});

test("a base and its motors are one: a command to one takes all, its stop stops all (R5)", () => {
  const rig = createGuardRig({ groups: [base] });
  rig.started({ resource: "base" });
  rig.guard.settled(1, rig.now);
  rig.started({ resource: "left", session: "B" });
  rig.log();
  rig.guard.sessionEnded("S", rig.now);
  assert.deepEqual(rig.log(), []);
  rig.guard.sessionEnded("B", rig.now);
  assert.deepEqual(rig.log(), ["abort 2", "stop left 1", "stop right 1", "stop base 1"]);
});

test("a user takes nothing over; its end stops only what nobody owns (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  rig.started({ session: "U", class: "use", method: "DoCommand" });
  rig.log();
  assert.deepEqual(rig.guard.groups()[0]!.users, ["U"]);
  assert.equal(rig.guard.groups()[0]!.owner, "S");
  rig.guard.sessionEnded("U", rig.now);
  assert.deepEqual(rig.log(), ["abort 2"], "with an owner: no stop");
  rig.guard.settled(2, rig.now);
  rig.guard.settled(1, rig.now);
  rig.stop();
  rig.started({ session: "V", class: "use", method: "DoCommand" });
  rig.guard.settled(3, rig.now);
  rig.log();
  rig.guard.sessionEnded("V", rig.now);
  assert.deepEqual(rig.log(), ["stop motor 1"], "without one: stop");
});

test("a live user's call in flight neither ends with another's stop nor keeps it from finishing, and may not act in it", () => {
  const rig = createGuardRig();
  rig.started();
  const use = rig.started({ session: "U", class: "use", method: "DoCommand" });
  rig.guard.settled(1, rig.now);
  rig.log();
  rig.guard.sessionEnded("S", rig.now);
  assert.deepEqual(rig.log(), ["stop motor 1"]);
  assert.equal(rig.guard.mayAct(use, rig.now)?.reason, "stopping");
  rig.guard.stopAcknowledged("motor", 1, rig.now);
  assert.ok(rig.guard.settledDown());
  assert.ok(rig.mayAct(use));
  rig.guard.sessionEnded("U", rig.now);
  assert.deepEqual(rig.log(), ["abort 2", "stop motor 1"], "it is still a user, and nobody owns the motor");
});

test("a client's Stop aborts what runs and what waits, and leaves no owner (R5)", () => {
  const rig = createGuardRig();
  rig.started();
  const waiting = rig.call({ session: "T" });
  rig.log();
  rig.guard.clientStop("motor", 0, rig.now);
  assert.deepEqual(rig.log(), [`refuse ${waiting} cancelled`, "abort 1", "stop motor 1"]);
  assert.deepEqual([rig.guard.groups()[0]!.owner, rig.guard.groups()[0]!.stopping], [undefined, true]);
  rig.guard.settled(1, rig.now);
  assert.deepEqual(rig.log(), ["stop motor 2"], "the act in flight at the Stop is undone");
  rig.acknowledge();
  rig.guard.sessionEnded("S", rig.now);
  assert.deepEqual(rig.log(), [], "its session's end stops nothing any more");
  rig.guard.clientStop("motor", 0, rig.now);
  assert.deepEqual(rig.log(), [], "nothing runs: the client's own Stop is enough");
});

test("a command that a later Stop has overtaken on its way does not begin after it (R5)", () => {
  const rig = createGuardRig({ groups: [base] });
  rig.guard.clientStop("left", 7, rig.now);
  const overtaken = rig.call({ resource: "base", order: 6 });
  assert.equal(rig.errorOf(overtaken)?.reason, "stale");
  assert.deepEqual(rig.log(), [`refuse ${overtaken} stale`], "a Stop of one motor is one of the whole base");
  rig.guard.clientStop("left", 3, rig.now);
  assert.equal(rig.errorOf(rig.call({ resource: "base", order: 5 }))?.reason, "stale", "late Stops take nothing back");
  rig.started({ resource: "base", order: 8 });
  rig.guard.linkLost(rig.now);
  rig.acknowledge();
  rig.guard.settled(3, rig.now);
  rig.acknowledge();
  rig.guard.linkAlive(rig.now, rig.now);
  rig.started({ resource: "base", order: 1 });
  // A gateway of a version that does not count.
  rig.guard.clientStop("left", 0, rig.now);
  rig.guard.settled(4, rig.now);
  rig.acknowledge();
  rig.started({ resource: "base", order: 0 });
});

test("a client's Stop that fails or hangs leaves the owner in charge: its end stops the motor again (R5, P5)", () => {
  const rig = createGuardRig();
  rig.started({ class: "move_endless" });
  rig.guard.settled(1, rig.now);
  rig.guard.clientStop("motor", 0, rig.now);
  rig.log();
  rig.guard.sessionEnded("S", rig.now);
  assert.deepEqual(rig.log(), ["stop motor 1"]);
  rig.acknowledge();
  rig.started({ session: "T", class: "move_endless" });
  const token = rig.guard.clientStop("motor", 0, rig.now);
  rig.guard.settled(2, rig.now);
  rig.acknowledge();
  rig.started({ session: "U", class: "move_endless" });
  rig.guard.clientStopped("motor", token, rig.now);
  assert.equal(rig.guard.groups()[0]!.owner, "U", "commanded anew while that Stop ran");
});

test("a client's Stop of one motor stops the whole base that it belongs to (R5)", () => {
  const rig = createGuardRig({ groups: [base] });
  rig.started({ resource: "base", class: "move_endless" });
  rig.guard.settled(1, rig.now);
  rig.log();
  rig.guard.clientStop("left", 0, rig.now);
  assert.deepEqual(rig.log(), ["stop left 1", "stop right 1", "stop base 1"]);
  rig.acknowledge();
  rig.guard.clientStop("left", 0, rig.now);
  assert.deepEqual(rig.log(), [], "nobody moves it");
});

test("the close of the connection that carried the last motion stops it, the other one's does not (R6)", () => {
  const rig = createGuardRig();
  rig.started({ connection: "one" });
  rig.guard.settled(1, rig.now);
  rig.guard.connectionClosed("two", rig.now);
  rig.log();
  assert.ok(rig.guard.settledDown());
  rig.guard.connectionClosed("one", rig.now);
  assert.deepEqual(rig.log(), ["stop motor 1"]);
  rig.acknowledge();
  assert.ok(rig.mayAct(rig.call({ connection: "two" })), "the session lives on");
});

test("endless motion of a quiet client stops at the quiet limit, motion with an end does not (R1)", () => {
  const rig = createGuardRig({ groups: [[motor("a")], [motor("b")]] });
  rig.call({ resource: "a", class: "move_endless" });
  rig.call({ resource: "b", class: "move" });
  rig.renew("S", WINDOW_MS, 500);
  rig.log();
  rig.pass(500);
  assert.deepEqual(rig.log(), ["abort 1", "stop a 1"]);
  assert.ok(rig.mayAct(2));
  rig.guard.settled(1, rig.now);
  rig.acknowledge();
  const next = rig.call({ resource: "a", class: "move_endless" });
  assert.equal(rig.errorOf(next), undefined, "a new command waits for its renewal, which is a moment behind it");
  rig.renew("S");
  assert.ok(rig.mayAct(next));
});

test("the quiet limit holds for a motor that an endless command left running beside a motion with an end (R1)", () => {
  const rig = createGuardRig({ groups: [base] });
  rig.call({ resource: "left", class: "move_endless" });
  rig.renew("S", WINDOW_MS, 500);
  rig.guard.settled(1, rig.now);
  rig.call({ resource: "right", class: "move" });
  rig.log();
  rig.pass(500);
  assert.deepEqual(rig.log(), ["abort 2", "stop left 1", "stop right 1", "stop base 1"]);
  const single = createGuardRig();
  single.call({ class: "move_endless" });
  single.renew("S", WINDOW_MS, 500);
  single.guard.settled(1, single.now);
  single.call({ class: "move" });
  single.log();
  single.pass(600);
  assert.deepEqual(single.log(), [], "on the same motor the new motion has replaced the old");
});

test("calls of one session that wait for a lease keep their order", () => {
  const rig = createGuardRig();
  rig.call({ class: "use" });
  rig.renew("S", WINDOW_MS, 10);
  rig.pass(50);
  rig.log();
  const older = rig.call({ class: "move_endless" });
  const newer = rig.call({ class: "move" });
  assert.deepEqual(rig.log(), []);
  rig.renew("S");
  assert.deepEqual(rig.log(), [`start ${older}`, `abort ${older}`]);
  rig.guard.settled(older, rig.now);
  assert.deepEqual(rig.log(), [`start ${newer}`]);
});

test("after a loss a manual group waits for a person, after anything else it does not", () => {
  const manual = () => createGuardRig({ groups: [[motor("motor", { rearm: "manual" })]] });
  const rig = manual();
  rig.started();
  rig.guard.cancelled(1, rig.now);
  rig.guard.settled(1, rig.now);
  rig.acknowledge();
  assert.ok(!rig.guard.groups()[0]!.awaitsRearm, "the caller gave it up and lives");
  rig.guard.sessionEnded("S", rig.now);
  rig.acknowledge();
  assert.ok(rig.guard.groups()[0]!.awaitsRearm, "who moved it last is lost");
  const next = rig.call({ session: "T" });
  rig.renew("T");
  assert.equal(rig.errorOf(next)?.reason, "rearm");
});

test("re-arming is once, and only where it is waited for", () => {
  const rig = createGuardRig({ groups: [[motor("motor", { rearm: "manual" })], [motor("other")]] });
  rig.started();
  rig.guard.settled(1, rig.now);
  rig.pass(WINDOW_MS);
  rig.acknowledge();
  rig.renew("S");
  assert.equal(rig.errorOf(rig.call())?.reason, "rearm");
  assert.ok(!rig.guard.rearm("other", rig.now));
  assert.ok(!rig.guard.rearm("nobody", rig.now));
  assert.ok(rig.guard.rearm("motor", rig.now));
  assert.ok(!rig.guard.rearm("motor", rig.now));
  assert.ok(rig.mayAct(rig.call()));
});

test("StopAll stops what nobody owns too, aborts and leaves no owner", () => {
  const rig = createGuardRig({ groups: [[motor("a")], [motor("b")]] });
  rig.started({ resource: "a" });
  const waiting = rig.call({ resource: "b", session: "T" });
  rig.log();
  rig.guard.stopAll("stop_all", rig.now);
  assert.deepEqual(rig.log(), [`refuse ${waiting} cancelled`, "abort 1", "stop a 1", "stop b 1"]);
  assert.equal(rig.guard.groups()[0]!.owner, undefined);
});

test("waiting calls are bounded", () => {
  const rig = createGuardRig();
  for (let count = 0; count < MAX_WAITING_CALLS; count += 1) rig.call();
  assert.equal(rig.errorOf(rig.call())?.reason, "limit");
});

test("an idle session is asked about for a while, then forgotten; a fence of its own keeps it until its end", () => {
  const rig = createGuardRig();
  rig.started({ class: "use" });
  rig.guard.settled(1, rig.now);
  rig.stop();
  rig.call({ session: "T" });
  rig.renew("T");
  rig.stop();
  rig.guard.settled(2, rig.now);
  rig.acknowledge();
  rig.guard.suspend("T", rig.now);
  assert.deepEqual(rig.guard.sessionsToAsk(rig.now), ["S", "T"]);
  for (let passed = 0; passed < IDLE_SESSION_MS; passed += 1000) {
    rig.pass(1000);
    rig.renew("S");
    rig.renew("T");
  }
  assert.deepEqual(rig.guard.sessionsToAsk(rig.now), ["T"]);
  assert.equal(rig.errorOf(rig.call({ session: "T", fence: "boot.0.0" }))?.reason, "fenced");
  rig.answer([{ id: "T", facts: undefined }]);
  assert.deepEqual(rig.guard.sessionsToAsk(rig.now), []);
});

test("a session that moves nothing here is not suspended by a lapse: nothing of it elsewhere must stop", () => {
  const rig = createGuardRig();
  rig.started({ class: "use" });
  rig.guard.settled(1, rig.now);
  rig.stop();
  rig.pass(WINDOW_MS + 100);
  assert.deepEqual(
    rig.events.filter(({ kind }) => kind === "fenced"),
    [],
  );
});

test("a motion that moves stays owned and asked about, however long ago its last call was", () => {
  const rig = createGuardRig();
  rig.started({ class: "move_endless" });
  rig.guard.settled(1, rig.now);
  for (let passed = 0; passed < 2 * IDLE_SESSION_MS; passed += 1000) {
    rig.pass(1000);
    rig.renew("S");
  }
  assert.deepEqual(rig.guard.sessionsToAsk(rig.now), ["S"]);
  rig.log();
  rig.pass(WINDOW_MS);
  assert.deepEqual(rig.log(), ["stop motor 1"]);
});

test("a cut line waits for a person whatever rearm says; the group stops, and nothing of it runs until then", () => {
  const rig = createGuardRig({ groups: [base, [motor("arm")]] });
  const moving = rig.started({ resource: "base" });
  const other = rig.started({ resource: "arm", session: "T" });
  rig.log();
  rig.guard.requireRearm("left", "e_stop", rig.now);
  assert.deepEqual(rig.log(), [`abort ${moving}`, "stop left 1", "stop right 1", "stop base 1"]);
  rig.guard.settled(moving, rig.now);
  rig.acknowledge();
  assert.equal(rig.guard.awaitsRearm("base"), "e_stop");
  const refused = rig.errorOf(rig.call({ resource: "right" }));
  assert.equal(refused?.reason, "rearm");
  assert.match(refused.message, /e-stop line of right was cut/);
  assert.equal(rig.guard.awaitsRearm("arm"), undefined);
  assert.ok(rig.mayAct(other), "the other group goes on");
  assert.ok(rig.guard.rearm("right", rig.now), "by any resource of the group");
  assert.equal(rig.guard.awaitsRearm("left"), undefined);
  assert.ok(rig.mayAct(rig.call({ resource: "right" })));
});

test("a cut line is not forgotten for a lesser reason, and one while the group stops begins no second stop", () => {
  const rig = createGuardRig({ groups: [[motor("motor", { rearm: "manual" })]] });
  rig.started();
  rig.guard.sessionEnded("S", rig.now);
  assert.equal(rig.guard.awaitsRearm("motor"), "loss");
  rig.log();
  rig.guard.requireRearm("motor", "e_stop", rig.now);
  assert.deepEqual(rig.log(), []);
  rig.guard.requireRearm("motor", "restart", rig.now);
  assert.equal(rig.guard.awaitsRearm("motor"), "e_stop");
  rig.guard.requireRearm("nobody", "e_stop", rig.now);
});

test("a hold that is released stops that resource alone; its group takes no motion until it is acknowledged", () => {
  const rig = createGuardRig({ groups: [[...base, { name: "lamp", rearm: "auto", settleMs: SETTLE_MS }]] });
  rig.guard.stopResource("left", "released", rig.now);
  assert.deepEqual(rig.log(), ["stop left 1"]);
  assert.deepEqual(rig.stopCauses, ["left released"]);
  const early = rig.call({ resource: "base" });
  rig.renew("S");
  assert.equal(rig.errorOf(early)?.reason, "stopping");
  rig.guard.stopFailed("left", 1, rig.now);
  rig.pass(100);
  assert.deepEqual(rig.stopCauses, ["left released", "left released"], "it is tried again like any stop");
  rig.acknowledge();
  const told = rig.events.filter(({ kind }) => kind === "stop");
  assert.deepEqual(
    told.map((event) => event.kind === "stop" && [event.resource, event.cause, event.session, event.outcome]),
    [["left", "released", undefined, "retried"]],
  );
  rig.renew("S");
  assert.ok(rig.mayAct(rig.call({ resource: "base" })));
  rig.guard.stopResource("lamp", "released", rig.now);
  rig.guard.stopResource("nobody", "released", rig.now);
  assert.ok(rig.guard.groups()[0]!.stopping === false, "what has no stop is left alone");
});

test("every attempt is told the newest reason, while the report keeps the loss", () => {
  const rig = createGuardRig();
  rig.started();
  rig.guard.settled(1, rig.now);
  rig.guard.sessionEnded("S", rig.now);
  rig.guard.stopAll("stop_all", rig.now);
  rig.guard.stopFailed("motor", 2, rig.now);
  rig.pass(100);
  assert.deepEqual(rig.stopCauses, ["motor ended", "motor stop_all", "motor stop_all"]);
  rig.acknowledge();
  const [told] = rig.events.filter(({ kind }) => kind === "stop");
  assert.ok(told?.kind === "stop");
  assert.deepEqual([told.cause, told.session], ["ended", "S"]);
});

test("an escalation is told at once, with its session and cause, and once more when the stop is acknowledged", () => {
  const rig = createGuardRig();
  rig.started();
  rig.guard.settled(1, rig.now);
  rig.guard.sessionEnded("S", rig.now);
  const endedAt = rig.now;
  rig.guard.stopFailed("motor", 1, rig.now);
  rig.log();
  rig.pass(1000);
  assert.ok(rig.log().includes("escalate motor"));
  const stops = () => rig.events.flatMap((event) => (event.kind === "stop" ? [event] : []));
  const [told] = stops().filter(({ outcome }) => outcome === "escalated");
  assert.deepEqual(
    [told?.session, told?.cause, told?.sentAt, told?.acknowledgedAt],
    ["S", "ended", endedAt, undefined],
  );
  assert.ok(told!.attempts >= 2);
  rig.acknowledge();
  assert.deepEqual(
    stops().map(({ outcome, acknowledgedAt }) => [outcome, acknowledgedAt]),
    [
      ["escalated", undefined],
      ["escalated", rig.now],
    ],
  );
});

test("retries 0: the first failure is told as failed, and the stop is tried again all the same", () => {
  const rig = createGuardRig({
    groups: [[motor("motor", { stop: { timeoutMs: 1000, retries: 0, escalateAfterMs: 60_000 } })]],
  });
  rig.guard.stopAll("stop_all", rig.now);
  rig.guard.stopFailed("motor", 1, rig.now);
  const outcomes = () => rig.events.flatMap((event) => (event.kind === "stop" ? [event.outcome] : []));
  assert.deepEqual(outcomes(), ["failed"]);
  rig.pass(100);
  assert.deepEqual(rig.log(), ["stop motor 1", "stop motor 2"]);
  rig.guard.stopFailed("motor", 2, rig.now);
  assert.deepEqual(outcomes(), ["failed"], "told once");
  rig.pass(200);
  rig.acknowledge();
  assert.deepEqual(outcomes(), ["failed", "retried"]);
});

test("the owner's motion may go on as long as its lease and the link allow, and nobody else's may", () => {
  const rig = createGuardRig();
  const validFor = () => rig.guard.ownerValidForMs("motor", rig.now);
  assert.equal(validFor(), 0, "nobody owns it");
  assert.equal(rig.guard.ownerValidForMs("nobody", rig.now), 0);
  rig.started({ class: "move" });
  rig.guard.settled(1, rig.now);
  assert.equal(validFor(), LINK_FRESH_MS, "the link's freshness is the nearer end");
  rig.renew("S", 300);
  assert.equal(validFor(), 300);
  rig.pass(299);
  assert.equal(validFor(), 1);
  rig.pause(1);
  assert.equal(validFor(), 0, "by the clock, not by a poll");
});

test("endless motion is valid up to the quiet limit; what is being stopped or waits for a person, not at all", () => {
  const rig = createGuardRig();
  const validFor = () => rig.guard.ownerValidForMs("motor", rig.now);
  rig.started({ class: "move_endless" });
  rig.guard.settled(1, rig.now);
  rig.renew("S", WINDOW_MS, 250);
  assert.equal(validFor(), 250);
  rig.started({ class: "move" });
  rig.guard.cancelled(2, rig.now);
  assert.equal(rig.guard.groups()[0]!.owner, "S", "its caller gave it up and lives");
  assert.equal(validFor(), 0, "but it is being stopped");
  rig.guard.settled(2, rig.now);
  rig.guard.requireRearm("motor", "e_stop", rig.now);
  rig.acknowledge();
  assert.equal(rig.guard.groups()[0]!.stopping, false);
  assert.equal(validFor(), 0);
});
