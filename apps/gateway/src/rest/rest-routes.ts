import type { IncomingMessage } from "node:http";
import type { CallStart } from "@vigil/protocol";
import { createStatus, type RequestSink, type ResponseSink } from "@vigil/protocol";
import { Code } from "@vigil/shared";
import type { FastifyError, FastifyInstance } from "fastify";
import type { HttpCaller } from "../peers/clients.js";
import { type ClientConnection, callerAddress } from "../port/index.js";
import { NOT_FOUND, WRONG_VERB } from "./http-status.js";
import { sendError, serveRestCall } from "./rest-call.js";
import type { RestMethods } from "./rest-methods.js";

export interface RestDeps {
  readonly methods: RestMethods;
  /** The listener stands behind a proxy, whose word on a caller's address is believed. */
  readonly proxied: boolean;
  connectionOf(request: IncomingMessage): ClientConnection | undefined;
  /** A call of whoever sent the request, through admission as every other. */
  call(caller: HttpCaller, start: CallStart, response: ResponseSink): RequestSink;
}

const PREFIX = "/api/v1";

/** Viam's REST paths (contract.md, "Ports of the gateway"), as grpc-gateway in viam-server answers them. */
export async function registerRest(fastify: FastifyInstance, deps: RestDeps): Promise<void> {
  await fastify.register(async (scope) => {
    // The call reads the body itself, once it is admitted.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));
    scope.setErrorHandler((error: FastifyError, _request, reply) => {
      const code = (error.statusCode ?? 500) < 500 ? Code.invalidArgument : Code.internal;
      sendError(reply, createStatus(code, error.message));
    });
    scope.all("/api/*", { schema: { hide: true } }, (request, reply) => {
      const [path = "", ...rest] = (request.raw.url ?? "").split("?");
      if (!path.startsWith(`${PREFIX}/`)) return sendError(reply, NOT_FOUND);
      const match = deps.methods.match(request.method, path.slice(PREFIX.length));
      if (match.kind === "none") return sendError(reply, NOT_FOUND);
      if (match.kind === "wrong_verb") {
        reply.header("allow", match.allowed.join(", "));
        return sendError(reply, WRONG_VERB);
      }
      const { headers, socket } = request.raw;
      const caller: HttpCaller = {
        remoteAddress: callerAddress(deps, headers, socket.remoteAddress ?? ""),
        localAddress: `${socket.localAddress}:${socket.localPort}`,
        origin: headers.origin,
        userAgent: headers["user-agent"],
        connection: deps.connectionOf(request.raw),
      };
      serveRestCall(
        (start, response) => deps.call(caller, start, response),
        { method: match.target, fields: match.fields, query: rest.join("?") },
        request,
        reply,
      );
    });
  });
}
