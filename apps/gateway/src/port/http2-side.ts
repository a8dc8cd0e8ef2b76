import type { IncomingMessage, ServerResponse } from "node:http";
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { type BulkPacer, createBulkPacer } from "./bulk-pacer.js";
import type { PortConnection } from "./client-connection.js";
import { callType } from "./content-type.js";
import { serveGrpc } from "./grpc.js";
import { http2Response, serveGrpcWeb } from "./grpc-web.js";
import {
  MAX_CONCURRENT_STREAMS,
  MAX_HEADER_BYTES,
  MAX_HEADER_PAIRS,
  MAX_INVALID_FRAMES,
  MAX_OUTSTANDING_PINGS,
  MAX_REJECTED_STREAMS,
  MAX_SESSION_MEMORY_MB,
  SESSION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
} from "./limits.js";
import { isPreflight } from "./origin-policy.js";
import { watchPeer } from "./peer-watch.js";
import { callDeps, readCaller, type SideDeps } from "./port-side.js";

/** HTTP/2 behind the shared port: gRPC and gRPC-web here, everything else to the routes. */
export interface Http2Side {
  attach(connection: PortConnection, socket: Socket): void;
}

/** Node's documented arguments; its types leave out the last. */
type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

const SESSION_OPTIONS = {
  maxOutstandingPings: MAX_OUTSTANDING_PINGS,
  maxSessionMemory: MAX_SESSION_MEMORY_MB,
  maxSessionInvalidFrames: MAX_INVALID_FRAMES,
  maxSessionRejectedStreams: MAX_REJECTED_STREAMS,
  maxHeaderListPairs: MAX_HEADER_PAIRS,
  settings: {
    maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
    maxHeaderListSize: MAX_HEADER_BYTES,
    initialWindowSize: STREAM_WINDOW_BYTES,
  },
} as const;

export function createHttp2Side(deps: SideDeps, fastify: FastifyInstance): Http2Side {
  // Only for Node's request and response objects, which routes expect; it never listens and is fed streams.
  const routes = createServer();
  routes.on("request", (request, response) => {
    // fastify routes both versions alike; its types know one at a time.
    fastify.routing(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  });

  return {
    attach(connection, socket) {
      const session = performServerHandshake(socket, SESSION_OPTIONS);
      connection.attachSession(session);
      deps.connections.set(session, connection);
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
      // On a session that has ended no marker is missed.
      const mark = (answered: () => void) => session.destroyed || session.ping(onlyAnswered(answered));
      const pacer = createBulkPacer(deps.clock, mark);
      const stopWatch = watchPeer(deps.clock, {
        ping: mark,
        patient: () => connection.challengeable && connection.kind === "grpc",
        onSilence: connection.giveUp,
      });
      connection.on("closed", stopWatch);
      const onStream: StreamListener = (stream, headers, flags, rawHeaders) => {
        connection.noteRequest(headers);
        if (!serve(deps, connection, pacer, stream, headers, rawHeaders)) {
          routes.emit("stream", stream, headers, flags, rawHeaders);
        }
      };
      session.on("stream", onStream as (...args: unknown[]) => void);
    },
  };
}

function onlyAnswered(answered: () => void): (error: Error | null) => void {
  return (error) => {
    if (!error) answered();
  };
}

/** Returns false for what is no gRPC of any kind. */
function serve(
  deps: SideDeps,
  connection: PortConnection,
  pacer: BulkPacer,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): boolean {
  const type = callType(headers["content-type"]);
  const preflight = isPreflight(headers[":method"], headers);
  if (!type && !preflight) return false;
  // A native call without Origin comes from a program: no browser sends application/grpc by itself, and a POST from a
  // page always has an Origin. Its host name may be whatever its user dialled.
  const native = type === "grpc" && headers.origin === undefined;
  const head = { headers, localAddress: connection.localAddress };
  const verdict = native ? ({ allowed: true, cors: {} } as const) : deps.policy.check(head);
  if (!verdict.allowed) return refuse(stream, 403, verdict.message);
  if (preflight) {
    stream.on("error", () => undefined);
    stream.resume();
    stream.respond({ ":status": 204, ...deps.policy.preflight(head, verdict.cors) }, { endStream: true });
    return true;
  }
  if (type === "grpc-other") return refuse(stream, 415, "Only application/grpc+proto is spoken here.\n");
  if (headers[":method"] !== "POST") return refuse(stream, 405, "gRPC calls are POST requests.\n");
  const kind = type === "grpc" ? "grpc" : "grpc-web";
  connection.noteCall(kind);
  const caller = readCaller(deps, connection, headers, kind);
  const call = callDeps(deps, connection);
  if (kind === "grpc") {
    serveGrpc(call, { stream, pacer, headers, rawHeaders, caller });
    return true;
  }
  stream.on("error", () => undefined);
  const request = {
    path: headers[":path"],
    headers,
    rawHeaders,
    body: stream,
    text: type === "grpc-web-text",
    cors: verdict.cors,
    caller,
    complete: () => !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR,
  };
  serveGrpcWeb(call, request, http2Response(stream, pacer));
  return true;
}

function refuse(stream: ServerHttp2Stream, status: number, text: string): true {
  // The refusal is all that matters; a client that breaks off before it has read it has its reasons.
  stream.on("error", () => undefined);
  stream.resume();
  stream.respond({ ":status": status, "content-type": "text/plain; charset=utf-8" });
  stream.end(text);
  return true;
}
