import { z } from "zod";

/**
 * The shapes of Vigil's own API under /vigil/v1. The gateway validates and serialises with them, the OpenAPI document
 * is made from them, the console is typed by them. Instants are wall-clock ISO strings for people; everything that
 * matters is a duration in milliseconds.
 */

/** First 8 characters of a session id: the whole id is a secret (rules.md, R8b). */
const sessionShortId = z.string().describe("first 8 characters of the session's id");

export const endReason = z.enum(["lapsed", "closed", "ended", "revoked", "drained"]);
export type EndReason = z.infer<typeof endReason>;

export const robotView = z
  .object({
    name: z.string(),
    version: z.string(),
    startedAt: z.iso.datetime(),
    heartbeatWindowMs: z.number(),
    store: z.object({ kind: z.enum(["memory", "redis"]), reachable: z.boolean() }),
    ready: z.boolean(),
    notReadyReasons: z.array(z.string()),
    authenticated: z.boolean().describe("true when the API asks for a token"),
  })
  .meta({ id: "Robot" });
export type RobotView = z.infer<typeof robotView>;

export const partView = z
  .object({
    name: z.string(),
    up: z.boolean(),
    since: z.iso.datetime().describe("of the present state"),
    carrier: z.enum(["webrtc", "websocket"]).nullable(),
    roundTripMs: z.number().nullable(),
    started: z.boolean().describe("the stop of all actuators at its start has been acknowledged"),
    version: z.string().nullable(),
    resources: z.number(),
  })
  .meta({ id: "Part" });
export type PartView = z.infer<typeof partView>;

export const resourceView = z
  .object({
    name: z.string(),
    part: z.string(),
    api: z.string().describe('as in "rdk:component:motor"'),
    state: z.enum(["ready", "unhealthy", "offline"]),
    error: z.string().nullable(),
    moving: z.boolean().nullable().describe("null: it cannot move"),
    owner: sessionShortId.nullable(),
    users: z.array(sessionShortId),
    stopping: z.boolean().describe("a stop is not acknowledged yet: motion is refused"),
    awaitsRearm: z.boolean(),
    policy: z.enum(["stop", "hold", "ramp", "do_command", "none"]).nullable().describe("null: it has no Stop"),
  })
  .meta({ id: "Resource" });
export type ResourceView = z.infer<typeof resourceView>;

export const sessionView = z
  .object({
    id: sessionShortId,
    kind: z.enum(["explicit", "implicit"]),
    entity: z.string().nullable(),
    remoteAddress: z.string(),
    client: z.string().nullable().describe("what the client says it is (viam_client)"),
    carrier: z.enum(["webrtc", "grpc", "grpc-web"]),
    openedAt: z.iso.datetime(),
    windowMs: z.number(),
    moveLeftMs: z.number().describe("how long its lease still lets it move; 0 when suspended"),
    knownLeftMs: z.number(),
    suspended: z.boolean(),
    operations: z.number(),
    resources: z.array(z.string()).describe('"part:name" of what it owns or uses'),
  })
  .meta({ id: "Session" });
export type SessionView = z.infer<typeof sessionView>;

/** One part's share of an end. All offsets are ms after the session's last sign of life; null: did not happen (yet). */
export const partTimeline = z
  .object({
    part: z.string(),
    detectedMs: z.number().nullable(),
    cancelledMs: z.number().nullable(),
    stopSentMs: z.number().nullable(),
    stopAcknowledgedMs: z.number().nullable(),
    errorBarMs: z.number().describe("half the round trip over which this part's clock was compared"),
    operationsCancelled: z.number(),
    resources: z.array(
      z.object({
        name: z.string(),
        outcome: z.enum(["stopped", "retried", "escalated", "failed", "pending"]),
        stopSentMs: z.number().nullable(),
        stopAcknowledgedMs: z.number().nullable(),
        attempts: z.number(),
      }),
    ),
  })
  .meta({ id: "PartTimeline" });
export type PartTimeline = z.infer<typeof partTimeline>;

export const endView = z
  .object({
    session: sessionShortId,
    kind: z.enum(["explicit", "implicit"]),
    /** An end, or a stop of a session that lives on. */
    what: z.enum(["end", "suspension", "quiet"]),
    reason: endReason.nullable().describe("null for a suspension"),
    cause: z.string().describe('"silent", "closed", "process_dead", "knock", "link", "store", "clock", "quiet", ...'),
    client: z.string().nullable(),
    remoteAddress: z.string(),
    at: z.iso.datetime().describe("of the last sign of life"),
    windowMs: z.number(),
    /** At the gateway, ms after the last sign of life. */
    detectedMs: z.number(),
    cancelledMs: z.number().nullable(),
    operationsCancelled: z.number(),
    parts: z.array(partTimeline),
  })
  .meta({ id: "End" });
export type EndView = z.infer<typeof endView>;

/** All lists at once: what the console draws. */
export const snapshot = z
  .object({
    robot: robotView,
    parts: z.array(partView),
    resources: z.array(resourceView),
    sessions: z.array(sessionView),
    ends: z.array(endView).describe("newest first, at most 50"),
  })
  .meta({ id: "Snapshot" });
export type Snapshot = z.infer<typeof snapshot>;

/**
 * What /vigil/v1/events sends, one JSON text frame each: a snapshot at once and whenever something changed (at most
 * ten a second, and at least one a second), and each end as it happens and again when its timeline grows.
 */
export const liveEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("snapshot"), snapshot }),
  z.object({ type: z.literal("end"), end: endView }),
  z.object({ type: z.literal("part"), part: partView }),
]);
export type LiveEvent = z.infer<typeof liveEvent>;

export const problem = z
  .object({ error: z.string().describe("a reason of Vigil's closed list"), message: z.string() })
  .meta({ id: "Problem" });

export const stopAllResult = z
  .object({
    stopped: z.array(z.object({ part: z.string(), resource: z.string() })),
    failed: z.array(z.object({ part: z.string(), resource: z.string(), message: z.string() })),
  })
  .meta({ id: "StopAllResult" });
export type StopAllResult = z.infer<typeof stopAllResult>;
