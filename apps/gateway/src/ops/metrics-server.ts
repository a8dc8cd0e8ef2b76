import type { BindAddress } from "@vigil/shared";
import { VigilError } from "@vigil/shared";
import type { Exposition } from "@vigil/telemetry";
import fastifyFactory from "fastify";

/** /metrics on an address of its own, for scrapers that shall not see the robot's port. */
export async function createMetricsServer(
  bind: BindAddress,
  scrape: (accept: string | undefined) => Promise<Exposition>,
): Promise<{ close(): Promise<void> }> {
  const fastify = fastifyFactory();
  fastify.get("/metrics", async (request, reply) => {
    const { contentType, body } = await scrape(request.headers.accept);
    return reply.type(contentType).send(body);
  });
  fastify.get("/healthz", (_request, reply) => reply.type("text/plain").send("ok\n"));
  try {
    await fastify.listen({ host: bind.host, port: bind.port });
  } catch (error) {
    throw new VigilError(
      "cannot_serve",
      `metrics.bind_address ${bind.host}:${bind.port} cannot be used: ${(error as Error).message}`,
    );
  }
  return { close: () => fastify.close() };
}
