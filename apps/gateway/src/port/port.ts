import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Logger, Random } from "@vigil/shared";
import fastifyFactory, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type ClientConnection, createConnection, type PortConnection } from "./client-connection.js";
import { createHttp1Side, type Http1Side } from "./http1-side.js";
import { createHttp2Side } from "./http2-side.js";
import { CLOSE_GRACE_MS, TCP_KEEPALIVE_MS, TCP_SILENCE_MS } from "./limits.js";
import { createListener } from "./listener.js";
import type { PortCallHandler } from "./open-call.js";
import { createOriginPolicy, type OriginPolicy, type OriginPolicyOptions } from "./origin-policy.js";
import { sniffProtocol } from "./protocol-sniffer.js";
import { type LimitSilence, loadSilenceLimit } from "./tcp-silence.js";
import { createTlsLayer, type TlsOptions } from "./tls-layer.js";

/** All that the port needs of a logger. */
export type PortLog = Pick<Logger, "debug"> & Partial<Pick<Logger, "warn">>;

export interface PortDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PortLog;
  /** Called once per connection, before its first call. Here the owner subscribes to the connection's events. */
  readonly handler: (connection: ClientConnection) => PortCallHandler;
}

export interface PortOptions {
  /** undefined or "": all interfaces; "localhost": both loopback addresses. */
  readonly host: string | undefined;
  /** 0: any free port. */
  readonly port: number;
  /** Absent: cleartext. */
  readonly tls?: TlsOptions | undefined;
  /** The listener stands behind a proxy: no client is challengeable, and X-Forwarded-For is believed. */
  readonly proxied: boolean;
  readonly origins: OriginPolicyOptions;
}

export interface Port {
  /** For routes of the owner, over HTTP/1.1 and HTTP/2. The origin policy is its first onRequest hook. */
  readonly fastify: FastifyInstance;
  readonly policy: OriginPolicy;
  connections(): readonly ClientConnection[];
  /** Over which connection a route's request came. */
  connectionOf(request: IncomingMessage): ClientConnection | undefined;
  /** @throws VigilError that says how to mend; `isCannotListen` knows it. */
  listen(): Promise<{ address: string; port: number }>;
  /** Open calls end with UNAVAILABLE, then connections close; what is left after a grace is cut. */
  close(): Promise<void>;
}

/**
 * The gateway's one listening port: gRPC over HTTP/2, gRPC-web over both HTTP versions and whatever routes the owner
 * adds, told apart by their first bytes and their content type. With TLS the same inside it.
 */
export function createPort(deps: PortDeps, options: PortOptions): Port {
  const connections = new Set<PortConnection>();
  const policy = createOriginPolicy(options.origins);
  const shared = {
    clock: deps.clock,
    log: deps.log,
    policy,
    proxied: options.proxied,
    handlerOf: handlerPerConnection(deps),
    connections: new WeakMap<object, PortConnection>(),
  };
  let http1: Http1Side | undefined;
  const fastify = createFastify(policy, (serve) => {
    http1 = createHttp1Side(shared, serve);
    return http1.server;
  });
  const http2 = createHttp2Side(shared, fastify);
  const tls =
    options.tls &&
    createTlsLayer(options.tls, (error) => deps.log.debug({ error: error.message }, "TLS handshake failed"));

  let limitSilence: LimitSilence | undefined;
  /** @param raw the TCP socket under `socket`, which is itself where there is no TLS. */
  const dispatch = (connection: PortConnection, raw: Socket, socket: Socket) => {
    sniffProtocol(deps.clock, socket, false, (what) => {
      if (what === "http2") return http2.attach(connection, socket);
      // An HTTP/2 connection is asked by PING, at a pace of its own; HTTP/1.1 has nothing of the kind.
      limitSilence?.(raw);
      http1?.attach(connection, socket);
    });
  };
  const accept = (raw: Socket) => {
    raw.setKeepAlive(true, TCP_KEEPALIVE_MS);
    const connection = createConnection(deps, raw, { encrypted: tls !== undefined, proxied: options.proxied });
    connections.add(connection);
    connection.on("closed", ({ cause, definite }) => {
      connections.delete(connection);
      deps.log.debug({ connection: connection.id, cause, definite }, "connection closed");
    });
    if (!tls) return dispatch(connection, raw, raw);
    sniffProtocol(deps.clock, raw, true, (what) => {
      if (what !== "tls") return refusePlaintext(raw);
      tls.secure(raw, (socket) => {
        connection.watch(socket);
        dispatch(connection, raw, socket);
      });
    });
  };
  const listener = createListener(options.host, options.port, accept);

  return {
    fastify,
    policy,
    connections: () => [...connections],
    connectionOf(request) {
      // fastify hands on both versions as one type; a request of HTTP/2 has a stream of its own.
      const { stream } = request as { stream?: { session?: object } };
      return shared.connections.get(stream?.session ?? request.socket);
    },
    async listen() {
      await fastify.ready();
      limitSilence = await loadSilenceLimit(deps.log, TCP_SILENCE_MS);
      return listener.listen();
    },
    async close() {
      listener.close();
      const routesClosed = fastify.close();
      await drain(deps.clock, connections);
      await routesClosed;
    },
  };
}

/** The handler of each connection, made when its first call comes: most connections of browsers never make one. */
function handlerPerConnection(deps: PortDeps): (connection: PortConnection) => PortCallHandler {
  const handlers = new WeakMap<PortConnection, PortCallHandler>();
  return (connection) => {
    let handler = handlers.get(connection);
    if (!handler) {
      handler = deps.handler(connection);
      handlers.set(connection, handler);
    }
    return handler;
  };
}

function createFastify(
  policy: OriginPolicy,
  serverFactory: (serve: (request: IncomingMessage, response: ServerResponse) => void) => Server,
): FastifyInstance {
  const fastify = fastifyFactory({ serverFactory });
  fastify.addHook("onRequest", createPolicyHook(policy));
  fastify.addHook("onSend", async (request, reply) => closeRefusedUpgrade(request, reply));
  fastify.setNotFoundHandler((request, reply) =>
    reply.code(404).type("text/plain; charset=utf-8").send(`Nothing is served at ${request.method} ${request.url}\n`),
  );
  return fastify;
}

/** The origin policy for fastify routes, WebSocket upgrades among them. */
export function createPolicyHook(policy: OriginPolicy) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const verdict = policy.check({ headers: request.headers, localAddress: request.socket.localAddress ?? "" });
    if (!verdict.allowed) return reply.code(403).type("text/plain; charset=utf-8").send(verdict.message);
    reply.headers(verdict.cors);
    return undefined;
  };
}

/**
 * A WebSocket handshake that gets an ordinary answer (refused, not found) leaves a socket that no HTTP parser reads any
 * more: kept alive, a client's next request on it would hang.
 */
function closeRefusedUpgrade(request: FastifyRequest, reply: FastifyReply): void {
  if (request.headers.upgrade === undefined || request.raw.httpVersionMajor !== 1) return;
  reply.header("connection", "close");
  reply.raw.once("finish", () => request.raw.socket.destroySoon());
}

function refusePlaintext(socket: Socket): void {
  const text = "This port speaks TLS: use https:// (or grpcs).\n";
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    () => socket.destroySoon(),
  );
  socket.resume();
}

async function drain(clock: Clock, connections: ReadonlySet<PortConnection>): Promise<void> {
  if (connections.size === 0) return;
  await new Promise<void>((resolve) => {
    const grace = clock.after(CLOSE_GRACE_MS, () => {
      for (const connection of [...connections]) connection.destroy();
      resolve();
    });
    for (const connection of [...connections]) {
      connection.on("closed", () => {
        if (connections.size > 0) return;
        grace.cancel();
        resolve();
      });
      connection.drain();
    }
  });
}
