import { RESERVED_PREFIX } from "@vigil/links";
import {
  type CallHandler,
  type CallStart,
  IGNORE_REQUESTS,
  type Metadata,
  parseMethodPath,
  type RequestSink,
  type ResponseSink,
  type Status,
  statusOf,
  withMetadata,
} from "@vigil/protocol";
import { type Clock, Code, type Random, SESSION_EXPIRED, type Timer, uuid, VigilError } from "@vigil/shared";
import type { PartLink } from "../links/part-link.js";
import { type RelayDeps, relayCall } from "../routing/relay.js";
import type { ResourceDirectory } from "../routing/resource-directory.js";
import type { SessionKeeper } from "../sessions/session-keeper.js";
import type { Client } from "./client.js";
import { authorizationOf, type Identity } from "./identity.js";
import type { Operation, Operations } from "./operations.js";

/** One finished call, for the metrics. Names are from closed sets. */
export interface CallRecord {
  readonly service: string;
  readonly method: string;
  readonly code: number;
  readonly durationMs: number;
  readonly part: string | undefined;
}

export interface AdmissionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly identity: Identity;
  readonly keeper: SessionKeeper;
  readonly operations: Operations;
  readonly directory: ResourceDirectory;
  nextOrder: RelayDeps["nextOrder"];
  link(part: string): PartLink | undefined;
  /** Services that the gateway answers itself, by full name. */
  local(client: Client): ReadonlyMap<string, CallHandler>;
  /** True for "/package.Service/Method" of those: only known names may become labels of metrics. */
  isLocalMethod(path: string): boolean;
  /** When a packet that is handled now arrived, a pause of this process taken into account. */
  arrivedAt(): number;
  finished(record: CallRecord): void;
  refused(part: string | undefined, reason: VigilError["reason"]): void;
}

/** Who may call, in which session, as which operation: every call of a client passes here once. */
export interface Admission {
  /** Calls of a data channel: the client proved who it is when it signalled; calls on it carry no token. */
  handlerFor(client: Client): CallHandler;
  /** A call of a direct connection: each names its caller by its token. */
  direct(clientOf: (entity: string | undefined) => Client): CallHandler;
}

/** Services whose calls are no operations, and need no token: they are how one gets in. */
const OPEN_SERVICES: ReadonlySet<string> = new Set(["proto.rpc.v1.AuthService"]);
const NO_OPERATION: ReadonlySet<string> = new Set([
  "proto.rpc.v1.AuthService",
  "proto.rpc.webrtc.v1.SignalingService",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
]);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function createAdmission(deps: AdmissionDeps): Admission {
  const { clock, operations, keeper } = deps;

  /** Registers the call as an operation and sees its end, however it ends. */
  function track(client: Client, start: CallStart, response: ResponseSink, isLocal: boolean): Tracked {
    const path = parseMethodPath(start.method);
    const service = path?.service ?? "";
    const known = deps.directory.api(service);
    const startedAt = clock.now();
    const asked = start.metadata.get("opid")?.[0];
    const id = asked !== undefined && UUID.test(asked) && !operations.has(asked) ? asked : uuid(deps.random);
    let over = false;
    let request: RequestSink | undefined;
    let deadline: Timer | undefined;
    let headersSent = false;

    const finish = (code: Code) => {
      over = true;
      deadline?.cancel();
      operations.finish(id);
      tracked.callOver?.();
      const isListed = path && (deps.isLocalMethod(start.method) || known?.methods[path.method] !== undefined);
      deps.finished({
        service: isLocal || known ? service : "other",
        method: isListed ? path.method : "other",
        code,
        durationMs: clock.now() - startedAt,
        part: operation.part,
      });
    };
    const operation: Operation = {
      id,
      method: start.method,
      connection: client.id,
      startedAt: clock.wall(),
      session: undefined,
      part: undefined,
      parent: undefined,
      hops: 0,
      cancel(status) {
        if (over) return;
        finish(status.code);
        request?.cancel(status);
        response.trailers(status);
      },
    };
    if (!NO_OPERATION.has(service)) operations.add(operation);
    if (start.timeoutMs !== undefined) {
      deadline = clock.after(start.timeoutMs, () =>
        operation.cancel({ code: Code.deadlineExceeded, message: "the caller's deadline has passed" }),
      );
    }
    const headers = (metadata: Metadata) => withMetadata(metadata, { opid: id });
    const tracked: Tracked = {
      operation,
      start: { ...start, metadata: withMetadata(start.metadata, { opid: id }) },
      callOver: undefined,
      response: {
        headers(metadata) {
          if (over) return;
          headersSent = true;
          response.headers(headers(metadata));
        },
        message(bytes) {
          if (over) return;
          if (!headersSent) this.headers(new Map());
          response.message(bytes);
        },
        trailers(status, metadata) {
          if (over) return;
          if (status.code === Code.ok && !headersSent) this.headers(new Map());
          finish(status.code);
          response.trailers(status, metadata);
        },
      },
      watch(sink) {
        request = sink;
        return {
          message: (bytes) => over || sink.message(bytes),
          end: () => over || sink.end(),
          cancel(status) {
            if (over) return;
            operations.abandon(id, clock.now());
            finish(status.code);
            sink.cancel(status);
          },
        };
      },
    };
    return tracked;
  }

  function open(client: Client, start: CallStart, response: ResponseSink): RequestSink {
    client.software ??= start.metadata.get("viam_client")?.[0];
    const service = parseMethodPath(start.method)?.service ?? "";
    const local = deps.local(client).get(service);
    const call = track(client, stripReserved(start), response, local !== undefined);
    if (local) return call.watch(local(call.start, call.response));
    return call.watch(relay(client, call));
  }

  function relay(client: Client, tracked: Tracked): RequestSink {
    const { operation, response, start } = tracked;
    const named = start.metadata.get("viam-sid");
    return relayCall(
      {
        directory: deps.directory,
        nextOrder: deps.nextOrder,
        callPart(part) {
          const link = deps.link(part);
          return link?.isUp ? link : undefined;
        },
      },
      {
        operation: operation.id,
        connection: client.id,
        home: client.home,
        session(_methodClass) {
          if (named && named.length > 1) throw new VigilError("bad_request", "a call may carry one viam-sid only");
          return keeper.forCall(client.id, named?.[0]);
        },
        routed(destination, methodClass, session) {
          operation.part = destination.part;
          operation.session = session?.id;
          if (methodClass === "stop") return undefined;
          const counted = session?.id ?? keeper.named(client.id, named?.[0]);
          tracked.callOver = keeper.callOpened(client.id, counted, deps.arrivedAt());
          return session && operations.mint(operation.id, destination.part);
        },
      },
      start,
      {
        headers: (metadata) => response.headers(metadata),
        message: (bytes) => response.message(bytes),
        trailers(status, metadata) {
          // What a part refuses it reports itself.
          if (operation.part === undefined && status.message === SESSION_EXPIRED) {
            deps.refused(undefined, "session_ended");
          }
          response.trailers(status, metadata);
        },
      },
    );
  }

  return {
    handlerFor: (client) => (start, response) => open(client, start, response),
    direct: (clientOf) => (start, response) => {
      const service = parseMethodPath(start.method)?.service ?? "";
      if (OPEN_SERVICES.has(service)) return open(clientOf(undefined), start, response);
      try {
        const entity = deps.identity.identify(authorizationOf(start.metadata));
        if (!(entity instanceof Promise)) return open(clientOf(entity), start, response);
        return afterwards(
          entity.then((proved) => open(clientOf(proved), start, response)),
          response,
        );
      } catch (error) {
        deps.refused(undefined, "unauthenticated");
        response.trailers(statusOf(error));
        return IGNORE_REQUESTS;
      }
    },
  };
}

interface Tracked {
  readonly operation: Operation;
  /** The call as it goes on: with its operation's id. */
  readonly start: CallStart;
  /** Tells the session that the call is not open any more; set when it is routed. */
  callOver: (() => void) | undefined;
  readonly response: ResponseSink;
  /** Puts the end of the request side under the operation's eyes too. */
  watch(sink: RequestSink): RequestSink;
}

function stripReserved(start: CallStart): CallStart {
  let reserved = false;
  for (const key of start.metadata.keys()) if (key.startsWith(RESERVED_PREFIX)) reserved = true;
  if (!reserved) return start;
  const metadata = new Map([...start.metadata].filter(([key]) => !key.startsWith(RESERVED_PREFIX)));
  return { ...start, metadata };
}

/** A request sink for a handler that is still being found: what comes meanwhile is kept and handed on in order. */
function afterwards(pending: Promise<RequestSink>, response: ResponseSink): RequestSink {
  let sink: RequestSink | undefined;
  let waiting: ((sink: RequestSink) => void)[] = [];
  pending
    .then((found) => {
      sink = found;
      for (const pass of waiting) pass(found);
      waiting = [];
    })
    .catch((error) => {
      waiting = [];
      sink = IGNORE_REQUESTS;
      response.trailers(statusOf(error));
    });
  const pass = (step: (sink: RequestSink) => void) => {
    if (sink) step(sink);
    else waiting.push(step);
  };
  return {
    message: (bytes) => pass((found) => found.message(bytes)),
    end: () => pass((found) => found.end()),
    cancel: (status: Status) => pass((found) => found.cancel(status)),
  };
}
