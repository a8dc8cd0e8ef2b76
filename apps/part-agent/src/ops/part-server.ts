import type { BindAddress } from "@vigil/shared";
import { VigilError } from "@vigil/shared";
import type { Exposition } from "@vigil/telemetry";
import fastifyFactory from "fastify";

/** The part's own /metrics, /healthz and /readyz, on loopback unless configured. */
export async function createPartServer(
  bind: BindAddress,
  deps: { scrape(accept: string | undefined): Promise<Exposition>; notReady(): string[] },
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const fastify = fastifyFactory();
  fastify.get("/metrics", async (request, reply) => {
    const { contentType, body } = await deps.scrape(request.headers.accept);
    return reply.type(contentType).send(body);
  });
  fastify.get("/healthz", (_request, reply) => reply.type("text/plain").send("ok\n"));
  fastify.get("/readyz", (_request, reply) => {
    const reasons = deps.notReady();
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .type("text/plain")
      .send(reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`);
  });
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
