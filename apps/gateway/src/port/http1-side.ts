import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { PortConnection } from "./client-connection.js";
import { callType } from "./content-type.js";
import { http1Response, serveGrpcWeb } from "./grpc-web.js";
import { MAX_HEADER_BYTES, REQUEST_HEAD_TIMEOUT_MS } from "./limits.js";
import { isPreflight } from "./origin-policy.js";
import { callDeps, readCaller, type SideDeps } from "./port-side.js";
import { createRequestPatience, type RequestPatience } from "./request-patience.js";

/** HTTP/1.1 behind the shared port: gRPC-web here, everything else to the routes. */
export interface Http1Side {
  /** Never listens; it is fed sockets. */
  readonly server: Server;
  attach(connection: PortConnection, socket: Socket): void;
}

interface Attached {
  readonly connection: PortConnection;
  readonly patience: RequestPatience;
}

export function createHttp1Side(
  deps: SideDeps,
  serveRoute: (request: IncomingMessage, response: ServerResponse) => void,
): Http1Side {
  const attached = new WeakMap<Socket, Attached>();
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: REQUEST_HEAD_TIMEOUT_MS, noDelay: true },
    (request, response) => {
      const of = attached.get(request.socket);
      if (!of) return void request.destroy();
      of.patience.requestBegan(request, response);
      of.connection.noteRequest(request.headers);
      serve(deps, of.connection, request, response, serveRoute);
    },
  );
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    const of = attached.get(socket);
    of?.patience.upgraded();
    of?.connection.noteRequest(request.headers);
    // This listener alone means that no route takes WebSockets.
    if (server.listenerCount("upgrade") === 1) {
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    }
  });

  return {
    server,
    attach(connection, socket) {
      deps.connections.set(socket, connection);
      attached.set(socket, { connection, patience: createRequestPatience(deps.clock, socket) });
      server.emit("connection", socket);
    },
  };
}

function serve(
  deps: SideDeps,
  connection: PortConnection,
  request: IncomingMessage,
  response: ServerResponse,
  serveRoute: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  const { headers } = request;
  const type = callType(headers["content-type"]);
  const preflight = isPreflight(request.method, headers);
  if (!type && !preflight) return serveRoute(request, response);
  const head = { headers, localAddress: connection.localAddress };
  const verdict = deps.policy.check(head);
  if (!verdict.allowed) return refuse(request, response, 403, verdict.message);
  if (preflight) {
    response.writeHead(204, deps.policy.preflight(head, verdict.cors)).end();
    return;
  }
  if (type === "grpc" || type === "grpc-other") {
    return refuse(request, response, 415, "gRPC needs HTTP/2; over HTTP/1.1 use application/grpc-web+proto.\n");
  }
  if (request.method !== "POST") return refuse(request, response, 405, "gRPC-web calls are POST requests.\n");
  connection.noteCall("grpc-web");
  serveGrpcWeb(
    callDeps(deps, connection),
    {
      path: request.url,
      headers,
      rawHeaders: request.rawHeaders,
      body: request,
      text: type === "grpc-web-text",
      cors: verdict.cors,
      caller: readCaller(deps, connection, headers, "grpc-web"),
      complete: () => request.complete,
    },
    http1Response(request, response),
  );
}

/** The body of what is refused is not worth reading: the connection ends with the answer. */
function refuse(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  request.resume();
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(text);
}
