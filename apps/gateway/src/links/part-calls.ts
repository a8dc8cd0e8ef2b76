import { CLIENT_SESSION_KEY, TOKEN_KEY } from "@vigil/links";
import { type CallHandler, firstValue, type RequestSink, type Status } from "@vigil/protocol";
import { type Clock, type Logger, type Random, uuid, VigilError } from "@vigil/shared";
import type { Operation, Operations } from "../admission/operations.js";
import { type RelayDeps, relayCall } from "../routing/relay.js";
import type { LeasedSession } from "../sessions/session-keeper.js";

export interface PartCallsDeps extends RelayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly operations: Operations;
  leased(session: string): LeasedSession | undefined;
}

/** Hand-overs of one operation from part to part (rules.md, R8): more is a circle. */
const MAX_HOPS = 8;

/**
 * Calls that parts make into the robot (rules.md, R8). Reads and Stop run for every part. What moves something needs the
 * token of an operation that was relayed to that very part and still runs; it then belongs to that operation's session,
 * and ends with either.
 */
export function createPartCalls(deps: PartCallsDeps): (part: string) => CallHandler {
  const { operations } = deps;

  return (part) => (start, response) => {
    const token = firstValue(start.metadata, TOKEN_KEY);
    const parent = token === undefined ? undefined : operations.byToken(token, part);
    if (start.metadata.has(CLIENT_SESSION_KEY)) {
      deps.log.warn({ part, method: start.method }, "a part named a client's session; it is ignored");
    }
    let over = false;
    let request: RequestSink | undefined;
    const end = (status: Status) => {
      over = true;
      operations.finish(operation.id);
      response.trailers(status);
    };
    const operation: Operation = {
      id: uuid(deps.random),
      method: start.method,
      connection: parent?.connection ?? "",
      startedAt: deps.clock.wall(),
      session: undefined,
      part: undefined,
      parent: parent?.id,
      hops: (parent?.hops ?? 0) + 1,
      cancel(status) {
        if (over) return;
        request?.cancel(status);
        end(status);
      },
    };
    operations.add(operation);
    request = relayCall(
      deps,
      {
        operation: operation.id,
        connection: operation.connection,
        home: part,
        session: () => authority(parent, part),
        routed(destination, _methodClass, session) {
          operation.part = destination.part;
          operation.session = session?.id;
          return session && operations.mint(operation.id, destination.part);
        },
      },
      start,
      {
        headers: (metadata) => over || response.headers(metadata),
        message: (bytes) => over || response.message(bytes),
        trailers: (status) => over || end(status),
      },
    );
    const sink = request;
    return {
      message: (bytes) => over || sink.message(bytes),
      end: () => over || sink.end(),
      cancel(status) {
        if (over) return;
        over = true;
        operations.finish(operation.id);
        sink.cancel(status);
      },
    };
  };

  function authority(parent: Operation | undefined, part: string): LeasedSession {
    if (parent?.session === undefined) {
      throw new VigilError(
        "permission",
        `part ${part} may move others only on behalf of a call that it is serving; pass that call's token on`,
      );
    }
    if (parent.hops >= MAX_HOPS) {
      throw new VigilError("limit", `the call was handed on by ${MAX_HOPS} parts; look for parts that call each other`);
    }
    const session = deps.leased(parent.session);
    if (!session) throw new VigilError("session_ended", "the session of the call that is being served has ended");
    return session;
  }
}
