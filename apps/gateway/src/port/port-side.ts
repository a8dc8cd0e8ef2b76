import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "@vigil/shared";
import type { PortConnection } from "./client-connection.js";
import type { Caller, PortCallHandler } from "./open-call.js";
import type { OriginPolicy } from "./origin-policy.js";
import type { PortLog } from "./port.js";

/** What both HTTP sides of the port share. */
export interface SideDeps {
  readonly clock: Clock;
  readonly log: PortLog;
  readonly policy: OriginPolicy;
  readonly proxied: boolean;
  readonly handlerOf: (connection: PortConnection) => PortCallHandler;
  /** The connection of each HTTP/1.1 socket and of each HTTP/2 session: for routes, which get requests alone. */
  readonly connections: WeakMap<object, PortConnection>;
}

export function readCaller(
  deps: SideDeps,
  connection: PortConnection,
  headers: IncomingHttpHeaders,
  kind: Caller["kind"],
): Caller {
  return {
    kind,
    remoteAddress: callerAddress(deps, headers, connection.remoteAddress),
    origin: headers.origin,
    userAgent: headers["user-agent"],
  };
}

/** What an open call needs, for a call on this connection. */
export function callDeps(deps: SideDeps, connection: PortConnection) {
  return {
    clock: deps.clock,
    handler: deps.handlerOf(connection),
    siblings: connection.calls,
    onFault: (error: unknown) => deps.log.debug({ connection: connection.id, error: String(error) }, "call failed"),
  };
}

/** The socket's peer; where the listener is marked `proxied`, what its proxy says of it. */
export function callerAddress(
  { proxied }: Pick<SideDeps, "proxied">,
  headers: IncomingHttpHeaders,
  peerAddress: string,
): string {
  return (proxied && lastForwarded(headers)) || peerAddress;
}

/** The address that the nearest proxy appended; what stands before it anyone may have written. */
function lastForwarded(headers: IncomingHttpHeaders): string | undefined {
  const field = headers["x-forwarded-for"];
  const text = Array.isArray(field) ? field.join(",") : field;
  return text?.split(",").at(-1)?.trim();
}
