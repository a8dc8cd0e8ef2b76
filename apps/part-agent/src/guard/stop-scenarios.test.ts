import assert from "node:assert/strict";
import { test } from "node:test";
import { CallError } from "@vigil/protocol";
import { Code } from "@vigil/shared";
import { createPartBench, type PartBench } from "../testing/part-bench.js";

// Numbers in the names are those of the scenarios in rules.md.

type Json = Readonly<Record<string, unknown>>;

async function withMotors(
  motors: Readonly<Record<string, Json>>,
  use: (part: PartBench) => Promise<void>,
  safety: Json = {},
): Promise<void> {
  const part = await createPartBench(
    Object.entries(motors).map(([name, attributes]) => ({ name, api: "motor", attributes, safety })),
  );
  try {
    await use(part);
  } finally {
    await part.close();
  }
}

/** A call whose rejection somebody looks at later, or nobody. */
function begin(part: PartBench, session: string, motor: string, method: string, request: Json): Promise<unknown> {
  const call = part.client(session).call(`motor/${motor}`, method, request);
  call.catch(() => undefined);
  return call;
}
const refusedWith = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CallError, String(error));
  assert.equal(error.status.code, code);
  assert.match(error.status.message, message);
  return true;
};
const end = (part: PartBench, session: string) => part.runner.run((guard, now) => guard.sessionEnded(session, now));

test("18: a command in flight on a slow bus when its session ends is stopped at once and again when it settles", () =>
  withMotors({ left: { bus_delay_ms: 200 } }, async (part) => {
    begin(part, "A", "left", "SetPower", { powerPct: 1 });
    await part.pass(50);
    end(part, "A");
    assert.deepEqual(part.commands(), ["left stop"], "in the same turn");
    await part.pass(200);
    const lines = part.hardware();
    const moved = lines.findIndex(({ command }) => command === "set_rpm");
    assert.deepEqual(part.commands().slice(moved), ["left set_rpm", "left stop"]);
    assert.ok(lines[moved + 1]!.t! - lines[moved]!.t! <= 20, "undone within 20 ms of its settling");
    assert.equal(part.runner.guard.settledDown(), true);
  }));

test("19: while a stop hangs its resource takes no motion, and no other resource or session is disturbed", () =>
  withMotors({ left: { stop_hangs: true }, right: {} }, async (part) => {
    begin(part, "A", "left", "SetPower", { powerPct: 1 });
    begin(part, "B", "right", "SetPower", { powerPct: 1 });
    await part.pass(10);
    end(part, "A");
    await part.pass(500);
    const refused = begin(part, "C", "left", "SetPower", { powerPct: 1 });
    await part.pass(5);
    await assert.rejects(refused, refusedWith(Code.failedPrecondition, /not acknowledged yet/));
    const seen = part.hardware().length;
    await Promise.all([begin(part, "B", "right", "SetPower", { powerPct: 0.5 }), part.pass(5)]);
    assert.deepEqual(part.commands(seen), ["right set_rpm"]);
    await part.pass(10_000);
    const attempts = part.commands().filter((line) => line === "left stop_hung").length;
    assert.ok(attempts >= 5, `it is tried again and again: ${attempts} attempts`);
    const told = part.events.flatMap((event) => (event.kind === "stop" ? [event.outcome] : []));
    assert.ok(told.includes("failed") && told.includes("escalated"), told.join());
    assert.ok(!part.commands(seen).includes("right stop"));
  }));

test("20: what is left of a superseded motion touches nothing of the one that took its place", () =>
  withMotors({ left: {} }, async (part) => {
    const goFor = begin(part, "A", "left", "GoFor", { rpm: 10, revolutions: 100 });
    await part.pass(250);
    await Promise.all([begin(part, "B", "left", "SetPower", { powerPct: 0.5 }), part.pass(50)]);
    await assert.rejects(goFor, refusedWith(Code.aborted, /newer command/));
    const seen = part.hardware().length;
    end(part, "A");
    await part.pass(2000);
    assert.deepEqual(part.commands(seen), []);
    const isMoving = begin(part, "B", "left", "IsMoving", {});
    await part.pass(1);
    assert.equal(((await isMoving) as { isMoving: boolean }).isMoving, true);
  }));

test("21: A moved it, then B: A's end stops nothing, B's end stops it once", () =>
  withMotors({ left: {} }, async (part) => {
    await Promise.all([begin(part, "A", "left", "SetPower", { powerPct: 1 }), part.pass(10)]);
    await Promise.all([begin(part, "B", "left", "SetPower", { powerPct: 0.5 }), part.pass(10)]);
    const seen = part.hardware().length;
    end(part, "A");
    await part.pass(100);
    assert.deepEqual(part.commands(seen), []);
    end(part, "B");
    await part.pass(100);
    assert.deepEqual(part.commands(seen), ["left stop"]);
  }));

test("22: after its end a session's late Stop runs, its late read is answered, its late motion is refused", () =>
  withMotors({ left: {} }, async (part) => {
    const client = part.client("A");
    await Promise.all([client.call("motor/left", "SetPower", { powerPct: 1 }), part.pass(10)]);
    end(part, "A");
    await part.pass(10);
    const seen = part.hardware().length;
    const late = client.call("motor/left", "SetPower", { powerPct: 1 });
    late.catch(() => undefined);
    const [read] = await Promise.all([client.call("motor/left", "IsPowered"), part.pass(10)]);
    assert.equal((read as { isOn: boolean }).isOn, false);
    await assert.rejects(late, refusedWith(Code.invalidArgument, /^SESSION_EXPIRED$/));
    await Promise.all([client.call("motor/left", "Stop"), part.pass(10)]);
    assert.deepEqual(part.commands(seen), ["left stop"]);
  }));

test("31: a driver that ignores its abort: its writes are refused, and it is stopped again when it gives in", () =>
  withMotors({ left: { ignore_abort: true } }, async (part) => {
    const goFor = begin(part, "A", "left", "GoFor", { rpm: 60, revolutions: 1 });
    await part.pass(250);
    const seen = part.hardware().length;
    end(part, "A");
    await part.pass(300);
    await assert.rejects(goFor, refusedWith(Code.invalidArgument, /SESSION_EXPIRED/), "its caller hears at once");
    const refused = begin(part, "B", "left", "SetPower", { powerPct: 1 });
    await part.pass(5);
    await assert.rejects(refused, refusedWith(Code.failedPrecondition, /./));
    await part.pass(1000);
    const commands = part.commands(seen);
    assert.equal(commands[0], "left stop");
    assert.ok(commands.includes("left refused"));
    assert.ok(!commands.includes("left set_rpm"), commands.join());
    assert.equal(commands.at(-1), "left stop", "once more when it has given in");
    await Promise.all([begin(part, "B", "left", "SetPower", { powerPct: 1 }), part.pass(5)]);
  }));

test("P5: thirty slow stops are all under way before the first is done; one that hangs delays none of the others", () =>
  withMotors(
    Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [
        `m${index}`,
        index === 7 ? { stop_hangs: true } : { stop_delay_ms: 100 },
      ]),
    ),
    async (part) => {
      const client = part.client("A");
      const calls = Array.from({ length: 30 }, (_, index) =>
        client.call(`motor/m${index}`, "SetPower", { powerPct: 1 }),
      );
      await Promise.all([...calls, part.pass(10)]);
      await Promise.all([begin(part, "B", "m0", "IsMoving", {}), part.pass(1)]);
      const seen = part.hardware().length;
      end(part, "A");
      assert.equal(part.hardware(seen).length, 30, "commanded in one turn");
      await part.pass(115);
      const done = part.events.flatMap((event) =>
        event.kind === "stop" && event.acknowledgedAt !== undefined ? [event.resource] : [],
      );
      assert.equal(new Set(done).size, 29);
      assert.ok(!done.includes("m7"));
      await part.pass(1000);
      assert.deepEqual(
        part.events.flatMap((event) =>
          event.kind === "stop" && event.outcome === "escalated" ? [event.resource] : [],
        ),
        ["m7"],
      );
      await Promise.all([begin(part, "C", "m0", "SetPower", { powerPct: 1 }), part.pass(10)]);
    },
  ));

test("whoever lapses at one instant is stopped before anybody is told of the first", async () => {
  const names = ["left", "right", "lift"];
  const known: number[] = [];
  const part = await createPartBench(
    names.map((name) => ({ name, api: "motor" })),
    undefined,
    {
      report(event) {
        if (event.kind === "fenced") known.push(part.commands().filter((line) => line.endsWith(" stop")).length);
      },
    },
  );
  try {
    for (const name of names) begin(part, name, name, "SetPower", { powerPct: 1 });
    await part.pass(50);
    for (const name of names) part.client(name).silence();
    await part.pass(2500);
    assert.deepEqual(known, [3, 3, 3]);
  } finally {
    await part.close();
  }
});
