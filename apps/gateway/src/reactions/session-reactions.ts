import { createStatus, type Status } from "@vigil/protocol";
import type { SessionEnd, SuspendCause, TableSession } from "@vigil/safety";
import { type Clock, Code, type Logger, shortId } from "@vigil/shared";
import type { GatewayMetrics } from "@vigil/telemetry";
import type { Operations } from "../admission/operations.js";
import type { PartLinks } from "../links/part-links.js";
import type { RecordedClient, Recorder } from "../ops/recorder.js";

export interface SessionReactionsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly operations: Operations;
  readonly recorder: Recorder;
  readonly links: () => PartLinks;
  about(connections: Iterable<string>): RecordedClient;
  /** Closes those of the connections on which no other session lives. */
  cut(connections: Iterable<string>): void;
}

export interface SessionReactions {
  ended(end: SessionEnd): void;
  suspended(session: TableSession, cause: SuspendCause): void;
}

/**
 * What the end or the suspension of a session brings about, in one turn: its operations are cancelled, every part is
 * told, and it is recorded.
 */
export function createSessionReactions(deps: SessionReactionsDeps): SessionReactions {
  const { clock, log, metrics, operations, recorder } = deps;
  const cancel = (session: TableSession, status: Status) =>
    operations.cancelWhere((operation) => operation.session === session.id, status);

  return {
    ended({ session, reason, cause }) {
      metrics.sessionsEnded.inc({ reason });
      const cancelled = cancel(
        session,
        // Not SESSION_EXPIRED: Go would send the command again by itself.
        createStatus(Code.cancelled, `the session has ended (${reason}) and its operations were cancelled`),
      );
      for (const [part, count] of operations.abandonedOf(session.id, clock.now())) {
        cancelled.set(part, (cancelled.get(part) ?? 0) + count);
      }
      for (const link of deps.links().all()) {
        link.push({ case: "sessionEnd", value: { session: session.id } });
        link.forget(session.id);
      }
      recorder.ended(session, deps.about(session.connections), reason, cause, cancelled);
      log.info({ session: shortId(session.id), kind: session.kind, reason, cause }, "session ended");
      // What a dead client has queued can never arrive: its connection goes with it, unless others live on it (R6).
      if (reason === "lapsed" || reason === "revoked") deps.cut(session.connections);
    },
    suspended(session, cause) {
      const cancelled = cancel(
        session,
        createStatus(Code.unavailable, `the session is suspended (${cause}); command again once its client is heard`),
      );
      for (const link of deps.links().all()) link.push({ case: "suspend", value: { session: session.id } });
      recorder.suspended(session, deps.about(session.connections), cause, cancelled);
      log.info({ session: shortId(session.id), cause }, "session suspended");
    },
  };
}
