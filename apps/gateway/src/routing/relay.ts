import { type RelayedCall, stampRelayed } from "@vigil/links";
import {
  type CallHandler,
  type CallStart,
  parseMethodPath,
  type RequestSink,
  type ResponseSink,
  rewriteRoutingName,
  routingName,
  type Status,
  statusOf,
} from "@vigil/protocol";
import { Code, type MethodClass, VigilError } from "@vigil/shared";
import type { LeasedSession } from "../sessions/session-keeper.js";
import type { Destination, ResourceDirectory } from "./resource-directory.js";

/** A call to a component or service of some part, up to the point where its first message names it. */
export interface RelayDeps {
  readonly directory: ResourceDirectory;
  /** Counts the calls of the whole robot in the order in which they are admitted, from 1. */
  nextOrder(): number;
  /** How to reach a part now; undefined: it is not linked. */
  callPart(part: string): { readonly call: CallHandler; fenceFor(session: string): string } | undefined;
}

/** What admission decides for the call. */
export interface RelayedBy {
  readonly operation: string;
  readonly connection: string;
  /** Part whose resources win over equal names elsewhere. */
  readonly home: string | undefined;
  /** The session of a call that needs a lease. Only a promise when its lease has to be written first. */
  session(methodClass: MethodClass): LeasedSession | undefined | Promise<LeasedSession | undefined>;
  /** Told once, before the call goes out. Gives the token with which the part may call on behalf of it, if any. */
  routed(destination: Destination, methodClass: MethodClass, session: LeasedSession | undefined): string | undefined;
}

/** Bytes of messages that may wait while a session's first lease is written; that takes a round trip to the store. */
const MAX_WAITING_BYTES = 2 ** 25;

/**
 * Relays one call as bytes: reads the resource's name out of the first message, asks for the session where the method
 * needs one, and from then on only passes things along.
 */
export function relayCall(deps: RelayDeps, by: RelayedBy, start: CallStart, response: ResponseSink): RequestSink {
  const path = parseMethodPath(start.method);
  /** Undefined until the first message has told the destination. */
  let upstream: RequestSink | undefined;
  let waiting: (() => void)[] = [];
  let waitingBytes = 0;
  let begun = false;
  let over = false;

  const fail = (status: Status) => {
    if (over) return;
    over = true;
    waiting = [];
    upstream?.cancel(status);
    response.trailers(status);
  };

  const begin = (first: Uint8Array) => {
    begun = true;
    // Before it waits for its lease: a Stop that comes meanwhile is a later one.
    const order = deps.nextOrder();
    const service = path?.service ?? "";
    if (!deps.directory.api(service)) {
      throw new VigilError("no_method", `no part of this robot serves ${service || start.method}`);
    }
    const name = routingName(start.method, first);
    const destination = deps.directory.resolve(service, name ?? "", by.home);
    const methodClass = deps.directory.methodClass(service, path!.method);
    const message = destination.name === name ? first : rewriteRoutingName(start.method, first, destination.name)!;
    const session = needsLease(destination, methodClass) ? by.session(methodClass) : undefined;
    if (session instanceof Promise) {
      session
        .then((leased) => open(destination, methodClass, leased, message, order))
        .catch((error) => fail(statusOf(error)));
    } else open(destination, methodClass, session, message, order);
  };

  const open = (
    destination: Destination,
    methodClass: MethodClass,
    session: LeasedSession | undefined,
    message: Uint8Array,
    order: number,
  ) => {
    if (over) return;
    const part = deps.callPart(destination.part);
    if (!part) {
      throw new VigilError(
        "part_offline",
        `part ${destination.part} is not linked at the moment; retry when it is back`,
      );
    }
    const token = by.routed(destination, methodClass, session);
    const relayed: RelayedCall = {
      session: session?.id,
      incarnation: session?.incarnation ?? "",
      fence: session ? part.fenceFor(session.id) : "",
      operation: by.operation,
      order,
      connection: by.connection,
      token,
    };
    upstream = part.call(
      { ...start, metadata: stampRelayed(start.metadata, relayed) },
      {
        headers: (metadata) => over || response.headers(metadata),
        message: (bytes) => over || response.message(bytes),
        trailers(status, metadata) {
          if (over) return;
          over = true;
          response.trailers(status, metadata);
        },
      },
    );
    if (over) return;
    upstream.message(message);
    for (const pass of waiting) pass();
    waiting = [];
  };

  return {
    message(bytes) {
      if (over) return;
      if (upstream) return upstream.message(bytes);
      if (begun) {
        waitingBytes += bytes.length;
        if (waitingBytes > MAX_WAITING_BYTES) {
          return fail({ code: Code.resourceExhausted, message: "too much was sent before the call was admitted" });
        }
        waiting.push(() => upstream?.message(bytes));
        return;
      }
      try {
        begin(bytes);
      } catch (error) {
        fail(statusOf(error));
      }
    },
    end() {
      if (over) return;
      if (upstream) upstream.end();
      else if (begun) waiting.push(() => upstream?.end());
      else fail({ code: Code.invalidArgument, message: "the call ended without a message that names a resource" });
    },
    cancel(status) {
      if (over) return;
      over = true;
      waiting = [];
      upstream?.cancel(status);
    },
  };
}

/** What has no Stop has no owner and cannot be stopped: its calls need a session only where its API has one (R5). */
function needsLease(destination: Destination, methodClass: MethodClass): boolean {
  return destination.resource.hasStop && methodClass !== "read" && methodClass !== "stop";
}
