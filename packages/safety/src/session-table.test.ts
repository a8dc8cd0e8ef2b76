import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import { APPLICATION_GRACE_MS, SILENT_SESSION_END_MS } from "./bounds.js";
import { createSessionTable, type SessionTableOptions, type TableSession } from "./session-table.js";

const WINDOW_MS = 2000;
const QUIET_MS = 10_000;

function createRig(options: Partial<SessionTableOptions> = {}) {
  let counter = 0;
  let now = 1000;
  const log: string[] = [];
  const nameOf = (session: TableSession) => names.get(session.id) ?? "?";
  const names = new Map<string, string>();
  const random = { bytes: (count: number) => Uint8Array.from({ length: count }, () => counter++ % 256) };
  const table = createSessionTable(
    random,
    {
      ended: ({ session, reason, cause }) => log.push(`${nameOf(session)} ${reason} ${cause}`),
      suspended: (session, cause) => log.push(`${nameOf(session)} suspended ${cause}`),
    },
    { windowMs: WINDOW_MS, quietLimitMs: QUIET_MS, ...options },
  );
  return {
    table,
    log,
    get now() {
      return now;
    },
    connect(id: string, challengeable = true, more: { entity?: string; host?: string } = {}) {
      table.connect({ id, entity: more.entity, host: more.host ?? "host", challengeable }, now);
    },
    /** A session whose lease the store has written. */
    leased(name: string, session: TableSession) {
      names.set(session.id, name);
      table.accepted(table.firstLease(session.id, now));
      return session;
    },
    /** Time passes; every renewal that comes due is accepted at once. Ends at the first end. */
    pass(ms: number, each: (now: number) => void = () => undefined) {
      const end = now + ms;
      while (now < end) {
        now = Math.min(end, now + 50);
        each(now);
        for (const renewal of table.due(now)) table.accepted(renewal);
        table.poll(now);
      }
    },
  };
}

const isEnded = (error: unknown) => error instanceof VigilError && error.reason === "session_ended";

test("without transport evidence for the window the session ends, whatever the application still says (R1)", () => {
  const rig = createRig();
  rig.connect("c");
  const session = rig.leased("S", rig.table.open("c", rig.now));
  rig.pass(WINDOW_MS - 1, (now) => rig.table.applicationEvidence("c", now));
  assert.deepEqual(rig.log, []);
  rig.pass(1);
  assert.deepEqual(rig.log, ["S lapsed silent"]);
  assert.throws(() => rig.table.heartbeat("c", session.id, rig.now), isEnded);
});

test("a challenge counts from its sending, not from its answer (R1)", () => {
  const rig = createRig();
  rig.connect("c");
  rig.leased("S", rig.table.open("c", rig.now));
  rig.pass(1500);
  rig.table.transportEvidence("c", rig.now - 1400);
  rig.pass(WINDOW_MS - 1400 - 1);
  assert.deepEqual(rig.log, []);
  rig.pass(1);
  assert.deepEqual(rig.log, ["S lapsed silent"]);
});

test("a hung application under a live transport is suspended after window + 1.5 s, ended 10 s later (R1)", () => {
  const rig = createRig();
  rig.connect("c");
  const session = rig.leased("S", rig.table.open("c", rig.now));
  const beating = (now: number) => rig.table.transportEvidence("c", now);
  rig.pass(WINDOW_MS + APPLICATION_GRACE_MS - 1, beating);
  assert.deepEqual(rig.log, []);
  rig.pass(1, beating);
  assert.deepEqual(rig.log, ["S suspended silent"]);
  assert.ok(session.suspended);
  rig.pass(1000, beating);
  rig.table.heartbeat("c", session.id, rig.now);
  rig.pass(100, beating);
  assert.ok(!session.suspended, "its application is back");
  rig.pass(WINDOW_MS + APPLICATION_GRACE_MS + SILENT_SESSION_END_MS - 101, beating);
  assert.deepEqual(rig.log, ["S suspended silent", "S suspended silent"]);
  assert.equal(session.lastSignOfLifeAt, rig.now - (WINDOW_MS + APPLICATION_GRACE_MS + SILENT_SESSION_END_MS - 1));
  rig.pass(1, beating);
  assert.equal(rig.log.at(-1), "S lapsed silent");
});

test("an implicit session of a quiet client lives on; only its endless motion ends (R1)", () => {
  const rig = createRig();
  rig.connect("c");
  const session = rig.leased("S", rig.table.forCall("c", undefined, rig.now));
  rig.table.callOpened("c", session.id, rig.now)();
  const beganAt = rig.now;
  rig.pass(60_000, (now) => rig.table.transportEvidence("c", now));
  assert.deepEqual(rig.log, []);
  assert.equal(session.leased!.quietUntil, beganAt + QUIET_MS);
  assert.equal(session.leased!.moveUntil, rig.now + WINDOW_MS);
  const off = createRig({ quietLimitMs: Infinity });
  off.connect("c");
  const unlimited = off.leased("S", off.table.forCall("c", undefined, off.now));
  assert.equal(unlimited.leased!.quietUntil, off.now + WINDOW_MS);
});

test("who answers no challenges lives by messages alone, and by a call that is open (R1)", () => {
  const rig = createRig();
  rig.connect("web", false);
  const session = rig.leased("S", rig.table.open("web", rig.now));
  rig.table.transportEvidence("web", rig.now + 1_000_000);
  const closed = rig.table.callOpened("web", session.id, rig.now);
  rig.pass(10 * WINDOW_MS);
  assert.deepEqual(rig.log, []);
  closed();
  closed();
  rig.pass(WINDOW_MS - 1);
  assert.deepEqual(rig.log, []);
  rig.pass(1);
  assert.deepEqual(rig.log, ["S lapsed silent"]);
});

test("an open call without a session of its own speaks for its connection, once it ends for nobody", () => {
  const rig = createRig();
  rig.connect("web", false);
  rig.leased("S", rig.table.forCall("web", undefined, rig.now));
  const closed = rig.table.callOpened("web", undefined, rig.now);
  rig.pass(3 * WINDOW_MS);
  closed();
  rig.pass(WINDOW_MS);
  assert.deepEqual(rig.log, ["S lapsed silent"]);
});

test("an open call of a dead peer does not speak for the browser beside it, nor its messages for the peer (R1)", () => {
  const rig = createRig();
  rig.connect("peer");
  rig.connect("web", false);
  const session = rig.leased("S", rig.table.open("peer", rig.now));
  rig.table.heartbeat("web", session.id, rig.now);
  rig.table.callOpened("peer", session.id, rig.now);
  rig.pass(WINDOW_MS - 1, (now) => rig.table.applicationEvidence("peer", now));
  assert.deepEqual(rig.log, []);
  rig.pass(1);
  assert.deepEqual(rig.log, ["S lapsed silent"]);
});

test("a session on both kinds of connection lives by either", () => {
  const rig = createRig();
  rig.connect("peer");
  rig.connect("web", false);
  const session = rig.leased("S", rig.table.open("peer", rig.now));
  rig.pass(5000, (now) => rig.table.heartbeat("web", session.id, now));
  assert.deepEqual(rig.log, []);
  assert.equal(session.lastSignOfLifeAt, rig.now);
});

test("a call opened after its client's transport fell silent is no evidence when the connection goes", () => {
  const rig = createRig();
  rig.connect("peer");
  rig.pass(WINDOW_MS - 100);
  rig.leased("S", rig.table.forCall("peer", undefined, rig.now));
  rig.table.disconnect("peer", false, "silent", rig.now);
  rig.pass(99);
  assert.deepEqual(rig.log, []);
  rig.pass(1);
  assert.deepEqual(rig.log, ["S lapsed silent"]);
});

test("what turns out to be behind a proxy answers no more challenges", () => {
  const rig = createRig();
  rig.connect("c");
  rig.leased("S", rig.table.open("c", rig.now));
  rig.table.unchallengeable("c");
  rig.pass(WINDOW_MS, (now) => rig.table.transportEvidence("c", now));
  assert.deepEqual(rig.log, ["S lapsed silent"]);
});

test("the last connection's definite close ends the session at once, any other close does not (R6, R8b)", () => {
  const rig = createRig();
  rig.connect("one");
  rig.connect("two");
  const session = rig.leased("S", rig.table.open("one", rig.now));
  rig.table.heartbeat("two", session.id, rig.now);
  rig.table.disconnect("one", true, "closed", rig.now);
  assert.deepEqual(rig.log, []);
  rig.table.disconnect("two", true, "closed", rig.now);
  assert.deepEqual(rig.log, ["S closed closed"]);
  assert.deepEqual([...session.connections], ["two"], "the record names whose it was");
  rig.connect("three");
  const other = rig.leased("T", rig.table.open("three", rig.now));
  rig.table.disconnect("three", false, "silent", rig.now);
  assert.ok(rig.table.get(other.id));
  rig.pass(WINDOW_MS);
  assert.equal(rig.log.at(-1), "T lapsed silent");
  rig.table.disconnect("nobody", true, "closed", rig.now);
});

test("calls without viam-sid belong to the explicit session last used there, else to an implicit one, never to none", () => {
  const rig = createRig();
  rig.connect("c");
  const implicit = rig.table.forCall("c", undefined, rig.now);
  assert.equal(implicit.kind, "implicit");
  assert.equal(rig.table.forCall("c", undefined, rig.now), implicit);
  const first = rig.table.open("c", rig.now);
  const second = rig.table.open("c", rig.now);
  assert.equal(rig.table.forCall("c", undefined, rig.now), second);
  assert.equal(rig.table.forCall("c", first.id, rig.now), first);
  assert.equal(rig.table.forCall("c", undefined, rig.now), first);
  rig.table.end(first.id, "ended", "client", rig.now);
  assert.equal(rig.table.forCall("c", undefined, rig.now), implicit, "the client ended it itself");
});

test("what was queued without viam-sid for a lost session moves nothing by another one (R6)", () => {
  const rig = createRig();
  rig.connect("c");
  const lost = rig.leased("S", rig.table.open("c", rig.now));
  rig.table.end(lost.id, "revoked", "operator", rig.now);
  assert.throws(() => rig.table.forCall("c", undefined, rig.now), isEnded);
  const anew = rig.table.resume("c", lost.id, rig.now);
  assert.notEqual(anew.id, lost.id, "resume of an ended id gives a new one (R8b)");
  assert.equal(rig.table.forCall("c", undefined, rig.now), anew);
});

test("a session is bound to its entity and its address, and others learn nothing of it (R8b)", () => {
  const rig = createRig();
  rig.connect("mine", true, { entity: "me" });
  rig.connect("thief", true, { entity: "thief" });
  rig.connect("elsewhere", true, { entity: "me", host: "other" });
  rig.connect("again", true, { entity: "me" });
  const session = rig.table.open("mine", rig.now);
  for (const connection of ["thief", "elsewhere"]) {
    assert.throws(() => rig.table.heartbeat(connection, session.id, rig.now), isEnded);
    assert.throws(() => rig.table.forCall(connection, session.id, rig.now), isEnded);
    assert.notEqual(rig.table.resume(connection, session.id, rig.now).id, session.id);
  }
  assert.equal(rig.table.resume("again", session.id, rig.now).id, session.id);
  assert.throws(() => rig.table.open("nowhere", rig.now), VigilError);
});

test("a knock suspends at once and once; anything authenticated lifts it, on any connection; the window is unmoved (R6)", () => {
  const rig = createRig();
  rig.connect("one");
  rig.connect("two");
  const session = rig.leased("S", rig.table.open("one", rig.now));
  const beganAt = rig.now;
  rig.table.knock("one", rig.now);
  rig.table.knock("one", rig.now);
  assert.deepEqual(rig.log, ["S suspended knock"]);
  assert.ok(session.suspended);
  rig.pass(500);
  rig.table.heartbeat("two", session.id, rig.now);
  assert.ok(!session.suspended);
  rig.table.knock("one", rig.now);
  assert.equal(rig.log.length, 2, "a new silence is a new knock");
  rig.table.transportEvidence("one", beganAt + 400);
  rig.table.knock("one", rig.now);
  rig.pass(50);
  assert.equal(session.leased!.knownUntil, beganAt + 400 + WINDOW_MS, "evidence from before a knock counts in full");
});

test("a session lives no longer than what the store accepts, and late evidence revives nothing (R2, R4)", () => {
  const rig = createRig();
  rig.connect("c");
  const session = rig.leased("S", rig.table.open("c", rig.now));
  const lapsesAt = rig.now + WINDOW_MS;
  rig.table.transportEvidence("c", rig.now + 1900);
  const [renewal] = rig.table.due(rig.now + 1950);
  assert.equal(renewal!.signOfLifeAt, rig.now + 1900);
  assert.deepEqual(rig.table.due(lapsesAt), [], "the store has not accepted it in time");
  assert.deepEqual(rig.log, ["S lapsed silent"]);
  rig.table.accepted(renewal!);
  assert.equal(rig.table.get(session.id), undefined);
  assert.throws(() => rig.table.forCall("c", session.id, lapsesAt), isEnded);
});

test("a refusal of the store and a new data set end sessions; one of the new data set lives on (R4)", () => {
  const rig = createRig();
  rig.connect("c");
  const first = rig.leased("A", rig.table.open("c", rig.now));
  rig.leased("B", rig.table.open("c", rig.now));
  const last = rig.leased("C", rig.table.open("c", rig.now));
  rig.table.refused(first.id, rig.now);
  rig.table.refused(first.id, rig.now);
  rig.table.storeChanged(rig.now, (id) => id === last.id);
  assert.deepEqual(rig.log, ["A lapsed store", "B lapsed store"]);
  rig.table.storeChanged(rig.now);
  assert.equal(rig.log.length, 3);
  assert.equal(rig.table.end(last.id, "ended", "client", rig.now), false);
});

test("sessions are limited; one that lapses makes room", () => {
  const rig = createRig({ maxSessions: 2 });
  rig.connect("c");
  rig.leased("A", rig.table.open("c", rig.now));
  rig.leased("B", rig.table.open("c", rig.now));
  assert.throws(() => rig.table.open("c", rig.now), /limit|too many/);
  rig.pass(WINDOW_MS);
  rig.table.open("c", rig.now);
});

test("a lease that could not be written leaves nothing behind", () => {
  const rig = createRig();
  rig.connect("c");
  const session = rig.table.forCall("c", undefined, rig.now);
  assert.deepEqual(rig.table.connectionsWithoutSession(["c", "nobody"]), []);
  rig.table.abandon(session.id);
  assert.deepEqual(rig.table.connectionsWithoutSession(["c"]), ["c"]);
  assert.notEqual(rig.table.forCall("c", undefined, rig.now).id, session.id);
  assert.deepEqual(rig.log, []);
  assert.equal(rig.table.dueAt(), Infinity);
});
