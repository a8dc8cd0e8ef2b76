import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Client, type ClientKind, clientMissing, startClient } from "../rig/clients/index.js";
import { LIMIT } from "../rig/limit.js";
import { bothStop, mark, moveBoth } from "../rig/motion.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { until } from "../rig/until.js";

let robot: Robot;
before(async () => {
  robot = await startRobot({ window: "1s" });
});
after(() => robot.stop());

interface Loss {
  readonly kind: ClientKind;
  readonly explicit?: boolean;
  /** How the gateway may rightly call the end. */
  readonly reasons: readonly string[];
  /** The open calls end before the session does, each with the HTTP/1.1 connection that it is open on. */
  readonly callsEndFirst?: boolean;
}

async function clientThatMoves({ kind, explicit }: Loss): Promise<{ client: Client; motions: Promise<unknown> }> {
  const client = await startClient(robot, kind);
  try {
    if (explicit) assert.match(await client.session(), /^[0-9a-f-]{36}$/);
    return { client, motions: (await moveBoth(robot, client)).ended };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Both parts stop, the session ends with one of the reasons, and metrics and timeline tell of it. */
async function isToldOf(loss: Loss, lose: (client: Client) => unknown): Promise<void> {
  const earlier = new Set((await robot.snapshot()).sessions.map(({ id }) => id));
  const { client, motions } = await clientThatMoves(loss);
  try {
    const before = await robot.metrics();
    const session = await until("the client's session is seen to own base and arm", async () =>
      (await robot.snapshot()).sessions.find(
        ({ id, resources }) => !earlier.has(id) && resources.includes("main:base") && resources.includes("arm:arm"),
      ),
    );
    assert.equal(session.kind, loss.explicit ? "explicit" : "implicit");
    const marks = mark(robot);
    await lose(client);
    await bothStop(robot, marks);

    const end = await until("the end stands in the timeline, acknowledged by both parts", async () =>
      (await robot.ends()).find(
        ({ session: id, what, parts }) =>
          id === session.id &&
          what === "end" &&
          ["main", "arm"].every((name) =>
            parts.some(({ part, stopAcknowledgedMs }) => part === name && stopAcknowledgedMs !== null),
          ),
      ),
    );
    assert.ok(loss.reasons.includes(end.reason!), `reason ${end.reason}, cause ${end.cause}`);
    if (!loss.callsEndFirst) assert.ok(end.operationsCancelled >= 2, "both motions were cancelled");
    const metrics = await robot.metrics();
    const grown = (name: string, labels: Record<string, string>) =>
      metrics.sum(name, labels) - before.sum(name, labels);
    assert.ok(grown("vigil_sessions_ended_total", { reason: end.reason! }) >= 1);
    for (const part of ["main", "arm"]) {
      if (!loss.callsEndFirst) assert.ok(grown("vigil_operations_cancelled_total", { part }) >= 1);
      assert.ok(grown("vigil_stop_seconds_count", { part, phase: "total" }) >= 1, `a stop of ${part} was timed`);
      assert.ok(grown("vigil_stops_total", { part, outcome: "stopped" }) >= 1);
    }
  } finally {
    await client.close();
    await motions;
  }
}

const KILLS: Loss[] = [
  { kind: "ts-webrtc", explicit: true, reasons: ["lapsed"] },
  { kind: "ts-webrtc", reasons: ["lapsed"] },
  { kind: "page-webrtc", explicit: true, reasons: ["lapsed"] },
  { kind: "page-webrtc", reasons: ["lapsed"] },
  { kind: "page-grpc-web", reasons: ["lapsed", "closed"], callsEndFirst: true },
  { kind: "py-webrtc", explicit: true, reasons: ["lapsed"] },
  { kind: "py-grpc", explicit: true, reasons: ["closed"] },
  { kind: "ts-grpc", explicit: true, reasons: ["closed"] },
  { kind: "ts-grpc", reasons: ["closed"] },
  { kind: "raw-grpc", reasons: ["closed"] },
];
for (const loss of KILLS) {
  test(`${nameOf(loss)}: SIGKILL while it moves base and arm stops both`, LIMIT, async (t) => {
    const missing = clientMissing(loss.kind);
    if (missing) return t.skip(missing);
    await isToldOf(loss, (client) => client.kill());
  });
}

const STOPPED: Loss[] = [
  { kind: "ts-webrtc", explicit: true, reasons: ["lapsed"] },
  { kind: "ts-grpc", explicit: true, reasons: ["lapsed"] },
];
for (const loss of STOPPED) {
  test(`${nameOf(loss)}: SIGSTOP while it moves base and arm stops both`, LIMIT, async () => {
    await isToldOf(loss, (client) => client.signal("SIGSTOP"));
  });
}

const GOODBYES: Loss[] = [
  { kind: "ts-webrtc", explicit: true, reasons: ["closed"] },
  { kind: "ts-webrtc", reasons: ["closed"] },
  { kind: "page-webrtc", reasons: ["closed"] },
  { kind: "py-grpc", explicit: true, reasons: ["closed"] },
  { kind: "py-webrtc", explicit: true, reasons: ["closed"] },
];
for (const loss of GOODBYES) {
  test(`${nameOf(loss)}: disconnect() while it moves base and arm stops both at once`, LIMIT, async (t) => {
    const missing = clientMissing(loss.kind);
    if (missing) return t.skip(missing);
    await isToldOf(loss, (client) => client.disconnect());
  });
}

function nameOf({ kind, explicit }: Loss): string {
  return `${kind}, ${explicit ? "explicit" : "implicit"} session`;
}
