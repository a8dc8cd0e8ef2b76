import swagger from "@fastify/swagger";
import {
  endView,
  liveEvent,
  partView,
  problem,
  resourceView,
  robotView,
  type StopAllResult,
  sessionView,
  snapshot,
  stopAllResult,
  VigilError,
} from "@vigil/shared";
import type { FastifyInstance } from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import { z } from "zod";
import type { RobotViews } from "./robot-views.js";

export interface HttpApiDeps {
  readonly views: RobotViews;
  readonly version: string;
  /** Ends the session whose id begins so. */
  endSession(shortId: string, reason: "ended" | "revoked"): boolean;
  stopAll(): Promise<StopAllResult>;
  /** @returns false: the resource did not wait for it. */
  rearm(part: string, resource: string): Promise<boolean>;
}

/** gRPC codes as HTTP statuses, for the errors that this API can meet. */
const HTTP_STATUS: Readonly<Partial<Record<VigilError["reason"], number>>> = {
  bad_request: 400,
  unauthenticated: 401,
  permission: 403,
  no_resource: 404,
  part_offline: 503,
  store_unavailable: 503,
};

/** Vigil's own API, /vigil/v1, with its OpenAPI document made from the same schemas. */
export async function registerHttpApi(fastify: FastifyInstance, deps: HttpApiDeps): Promise<void> {
  fastify.setValidatorCompiler(validatorCompiler);
  fastify.setSerializerCompiler(serializerCompiler);
  await fastify.register(swagger, {
    openapi: {
      info: {
        title: "Vigil",
        version: deps.version,
        description: "What the robot is doing, who moves it, what happened when a client was lost, and how to stop it.",
      },
    },
    transform: jsonSchemaTransform,
  });
  await fastify.register(
    async (scope) => {
      const api = scope.withTypeProvider<ZodTypeProvider>();
      api.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
        const known = VigilError.from(error, (error.statusCode ?? 500) < 500 ? "bad_request" : "internal");
        return reply.code(HTTP_STATUS[known.reason] ?? 500).send({ error: known.reason, message: known.message });
      });

      const get = (path: string, summary: string, schema: z.ZodType, answer: () => unknown) =>
        scope.get(path, { schema: { summary, response: { 200: schema } } }, async () => answer());
      get("/robot", "The robot as a whole", robotView, () => deps.views.robot());
      get("/parts", "Its parts and their links", z.array(partView), () => deps.views.parts());
      get("/resources", "Components and services of all parts", z.array(resourceView), () => deps.views.resources());
      get("/sessions", "Live sessions and what their leases have left", z.array(sessionView), () =>
        deps.views.sessions(),
      );
      get(
        "/ends",
        "The last ends and suspensions with their timelines, newest first",
        z.array(endView),
        () => deps.views.snapshot().ends,
      );
      get("/snapshot", "All lists at once", snapshot, () => deps.views.snapshot());

      api.post(
        "/stop",
        { schema: { summary: "Stop every actuator of every part", response: { 200: stopAllResult, 503: problem } } },
        () => deps.stopAll(),
      );
      const target = {
        params: z.object({ id: z.string().min(8).describe("the session's id, or its first 8 characters") }),
      };
      const done = z.object({ ended: z.literal(true) });
      api.post(
        "/sessions/:id/revoke",
        {
          schema: { summary: "Take a session away from its client", ...target, response: { 200: done, 404: problem } },
        },
        ({ params }) => {
          if (!deps.endSession(params.id, "revoked"))
            throw new VigilError("no_resource", `no live session ${params.id}`);
          return { ended: true as const };
        },
      );
      api.delete(
        "/sessions/:id",
        {
          schema: {
            summary: "End one's own session, by its whole id",
            params: z.object({ id: z.uuid() }),
            response: { 200: done, 404: problem },
          },
        },
        ({ params }) => {
          if (!deps.endSession(params.id, "ended")) throw new VigilError("no_resource", "no such live session");
          return { ended: true as const };
        },
      );
      api.post(
        "/parts/:part/resources/:resource/rearm",
        {
          schema: {
            summary: "Re-arm a resource that stopped after a loss and waits for a person",
            params: z.object({ part: z.string(), resource: z.string() }),
            response: { 200: z.object({ rearmed: z.boolean() }), 503: problem },
          },
        },
        async ({ params }) => ({ rearmed: await deps.rearm(params.part, params.resource) }),
      );
      api.get("/openapi.json", { schema: { hide: true } }, () => fastify.swagger() as object);
    },
    { prefix: "/vigil/v1" },
  );
}

/** JSON text of a live event; parsed on the way out, so that what the page gets is what the schema says. */
export const encodeLiveEvent = (event: z.input<typeof liveEvent>): string => JSON.stringify(liveEvent.parse(event));
