import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import websocket from "@fastify/websocket";
import type { Exposition } from "@vigil/telemetry";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Identity } from "../admission/identity.js";
import { createFrameSocket, type FrameSocket, MAX_LINK_FRAME_BYTES } from "../links/control-socket.js";
import type { LiveEvents } from "./live-events.js";

export interface HttpRoutesDeps {
  readonly identity: Identity;
  readonly live: LiveEvents;
  metrics(accept: string | undefined): Promise<Exposition>;
  /** False: /metrics has an address of its own. */
  readonly metricsHere: boolean;
  notReady(): string[];
  acceptControl(socket: FrameSocket, remoteAddress: string): void;
  acceptData(socket: FrameSocket, token: string): void;
}

/**
 * Paths that anyone may read: they tell nothing but whether the process lives, or are how one gets in. What is below
 * /api are calls, and admission asks those who they are.
 */
const OPEN_PATHS = /^\/(api\/|healthz|readyz|parts|parts\/data|$|assets\/|favicon|index\.html)/;

/** Everything on the port that is neither a call nor Vigil's own API: health, metrics, console, sockets of parts and pages. */
export async function registerHttpRoutes(fastify: FastifyInstance, deps: HttpRoutesDeps): Promise<void> {
  await fastify.register(websocket, { options: { maxPayload: MAX_LINK_FRAME_BYTES } });

  fastify.addHook("onRequest", async (request, reply) => {
    if (!deps.identity.required || OPEN_PATHS.test(request.url)) return;
    try {
      await deps.identity.identify(authorizationOf(request));
    } catch (error) {
      return reply
        .code(401)
        .header("www-authenticate", "Bearer")
        .send({ error: "unauthenticated", message: (error as Error).message });
    }
  });

  fastify.get("/healthz", { schema: { hide: true } }, (_request, reply) => reply.type("text/plain").send("ok\n"));
  fastify.get("/readyz", { schema: { hide: true } }, (_request, reply) => {
    const reasons = deps.notReady();
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .type("text/plain")
      .send(reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`);
  });
  if (deps.metricsHere) {
    fastify.get("/metrics", { schema: { hide: true } }, async (request, reply) => {
      const { contentType, body } = await deps.metrics(request.headers.accept);
      return reply.type(contentType).send(body);
    });
  }
  fastify.get("/parts", { websocket: true, schema: { hide: true } }, (socket, request) =>
    deps.acceptControl(createFrameSocket(socket, request.raw.socket), request.ip),
  );
  fastify.get<{ Querystring: { token?: string } }>(
    "/parts/data",
    { websocket: true, schema: { hide: true } },
    (socket, request) => deps.acceptData(createFrameSocket(socket, request.raw.socket), request.query.token ?? ""),
  );
  fastify.get("/vigil/v1/events", { websocket: true, schema: { hide: true } }, (socket) => {
    const remove = deps.live.add({ send: (text) => socket.send(text), backlog: () => socket.bufferedAmount });
    socket.on("close", remove);
    socket.on("error", () => socket.terminate());
  });
  await registerConsole(fastify);
}

/** The page's files, as its own build left them. */
async function registerConsole(fastify: FastifyInstance): Promise<void> {
  const root = join(dirname(fileURLToPath(import.meta.resolve("@vigil/console/package.json"))), "dist");
  if (existsSync(root)) {
    await fastify.register(fastifyStatic, { root, index: "index.html" });
    return;
  }
  // SDKs probe this path for 200: it answers also in an installation without the console.
  fastify.get("/", { schema: { hide: true } }, (_request, reply) =>
    reply.type("text/plain").send("Vigil is running; its console was not built.\n"),
  );
}

/** A page's WebSocket cannot carry a header: its token may stand in the query. */
function authorizationOf(request: FastifyRequest): string | undefined {
  const token = (request.query as { access_token?: unknown } | undefined)?.access_token;
  return request.headers.authorization ?? (typeof token === "string" ? `Bearer ${token}` : undefined);
}
