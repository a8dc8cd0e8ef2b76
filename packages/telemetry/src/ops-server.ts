import { type BindAddress, VigilError } from "@vigil/shared";
import fastifyFactory from "fastify";
import type { Exposition } from "./exposition.js";

export interface OpsServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface OpsServerDeps {
  /** @param accept what the scraper says it reads. */
  scrape(accept: string | undefined): Promise<Exposition>;
  /** Why the process is not ready, each reason a line. Absent: no /readyz here. */
  notReady?(): readonly string[];
}

/**
 * /metrics, /healthz and /readyz on an address of their own, for scrapers and supervisors that shall not see the robot's
 * port.
 * @throws VigilError "cannot_serve"
 */
export async function createOpsServer(bind: BindAddress, { scrape, notReady }: OpsServerDeps): Promise<OpsServer> {
  const fastify = fastifyFactory();
  fastify.get("/metrics", async (request, reply) => {
    const { contentType, body } = await scrape(request.headers.accept);
    return reply.type(contentType).send(body);
  });
  fastify.get("/healthz", (_request, reply) => reply.type("text/plain").send("ok\n"));
  if (notReady) {
    fastify.get("/readyz", (_request, reply) => {
      const reasons = notReady();
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .type("text/plain")
        .send(reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`);
    });
  }
  try {
    await fastify.listen({ host: bind.host, port: bind.port });
  } catch (error) {
    const message = `metrics.bind_address ${bind.host}:${bind.port} cannot be used: ${(error as Error).message}`;
    throw new VigilError("cannot_serve", message, { cause: error });
  }
  const address = fastify.server.address();
  return {
    port: typeof address === "object" && address ? address.port : bind.port,
    close: () => fastify.close(),
  };
}
