import type { EndView, PartTimeline, PartView, ResourceView, SessionView, Snapshot } from "@vigil/shared";

/** The recorded robot that the console is shown in tests: every state that a page has to draw occurs once. */

const LAST_SIGN_OF_LIFE = "2026-03-04T10:15:30.250Z";

export function resource(part: string, kind: string, name: string, more: Partial<ResourceView> = {}): ResourceView {
  return {
    name,
    part,
    api: `rdk:component:${kind}`,
    state: "ready",
    error: null,
    moving: null,
    owner: null,
    users: [],
    stopping: false,
    awaitsRearm: false,
    policy: null,
    ...more,
  };
}

function part(name: string, more: Partial<PartView> = {}): PartView {
  return {
    name,
    up: true,
    since: "2026-03-04T09:00:00.000Z",
    carrier: "webrtc",
    roundTripMs: 0.84,
    started: true,
    version: "0.1.0",
    resources: 0,
    ...more,
  };
}

function session(id: string, more: Partial<SessionView> = {}): SessionView {
  return {
    id,
    kind: "explicit",
    entity: null,
    remoteAddress: "192.168.4.21",
    client: "typescript v0.61.1",
    carrier: "webrtc",
    openedAt: "2026-03-04T10:14:00.000Z",
    windowMs: 2000,
    moveLeftMs: 1850,
    knownLeftMs: 1850,
    suspended: false,
    operations: 1,
    resources: [],
    ...more,
  };
}

/** A part's share in which each step comes some ms after the one before. */
function share(name: string, detectedMs: number, steps: readonly number[], errorBarMs: number): PartTimeline {
  const [cancel = 0, send = 0, acknowledge] = steps;
  const stopSentMs = detectedMs + cancel + send;
  const stopAcknowledgedMs = acknowledge === undefined ? null : stopSentMs + acknowledge;
  return {
    part: name,
    detectedMs,
    cancelledMs: detectedMs + cancel,
    stopSentMs,
    stopAcknowledgedMs,
    errorBarMs,
    operationsCancelled: 1,
    resources: [
      {
        name: `${name}-drive`,
        outcome: stopAcknowledgedMs === null ? "pending" : "stopped",
        stopSentMs,
        stopAcknowledgedMs,
        attempts: stopAcknowledgedMs === null ? 3 : 1,
      },
    ],
  };
}

export function end(id: string, more: Partial<EndView> = {}): EndView {
  return {
    session: id,
    kind: "explicit",
    what: "end",
    reason: "lapsed",
    cause: "silent",
    client: "python v0.60.0",
    remoteAddress: "192.168.4.37",
    at: LAST_SIGN_OF_LIFE,
    windowMs: 2000,
    detectedMs: 2000.4,
    cancelledMs: 2000.9,
    operationsCancelled: 2,
    parts: [share("main", 2000.6, [0.4, 0.3, 7.9], 0.2), share("arm", 2001.2, [0.8, 0.5, 15.2], 1.6)],
    ...more,
  };
}

export function fixtureSnapshot(): Snapshot {
  return {
    robot: {
      name: "rover",
      version: "0.1.0",
      startedAt: "2026-03-04T09:00:00.000Z",
      heartbeatWindowMs: 2000,
      store: { kind: "memory", reachable: true },
      ready: false,
      notReadyReasons: ['part "gantry" is not linked'],
      authenticated: false,
    },
    parts: [
      part("main", { resources: 3 }),
      part("arm", { roundTripMs: 3.27, resources: 3 }),
      part("gantry", { up: false, carrier: null, roundTripMs: null, version: null, started: false, resources: 1 }),
    ],
    resources: [
      resource("main", "base", "wheels", { moving: true, owner: "3f9c1a77", users: ["3f9c1a77"], policy: "stop" }),
      resource("main", "servo", "pan", { moving: false, policy: "hold" }),
      resource("main", "sensor", "battery", { users: ["b20d44e1"] }),
      resource("arm", "arm", "six-axis", { moving: false, awaitsRearm: true, policy: "ramp" }),
      resource("arm", "gripper", "hand", { moving: true, stopping: true, policy: "stop" }),
      resource("arm", "motor", "turntable-with-a-rather-long-name", {
        state: "unhealthy",
        error: "open /dev/ttyUSB0: no such file or directory; is the drive plugged in and is serial_path right?",
        moving: false,
        policy: "stop",
      }),
      resource("gantry", "gantry", "rail", { state: "offline", moving: false, policy: "stop" }),
    ],
    sessions: [
      session("3f9c1a77", { resources: ["main:wheels"], entity: "operator" }),
      session("b20d44e1", {
        kind: "implicit",
        client: null,
        carrier: "grpc",
        moveLeftMs: 900,
        resources: ["main:battery"],
      }),
      session("77aa00fe", { suspended: true, moveLeftMs: 0, knownLeftMs: 700, operations: 0 }),
    ],
    ends: [
      end("91be02cd"),
      end("c4410a9e", {
        reason: "closed",
        cause: "closed",
        at: "2026-03-04T10:12:11.000Z",
        detectedMs: 3.1,
        cancelledMs: 3.4,
        parts: [share("main", 3.9, [0.3, 0.2, 6.4], 0.2), share("arm", 5.6, [0.6, 0.4, 21.8], 1.7)],
      }),
      end("0d5e6f70", {
        what: "suspension",
        reason: null,
        cause: "process_dead",
        at: "2026-03-04T10:05:00.000Z",
        detectedMs: 181,
        cancelledMs: 182,
        parts: [share("arm", 183.5, [0.7, 0.5], 1.8)],
      }),
      end("5a5a1234", {
        reason: "revoked",
        cause: "revoked",
        at: "2026-03-04T10:01:00.000Z",
        detectedMs: 0.4,
        cancelledMs: 0.6,
        parts: [],
      }),
      end("e00f1122", { at: "2026-03-04T09:58:00.000Z" }),
    ],
  };
}
