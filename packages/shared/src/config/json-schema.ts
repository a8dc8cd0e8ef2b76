import { z } from "zod";
import { gatewayFileSchema, partFileSchema, robotFileSchema } from "./schema-gateway.js";

/** The published JSON Schemas by file name, as docs/schema holds them. */
export function configJsonSchemas(): Readonly<Record<"gateway" | "part" | "robot", unknown>> {
  return {
    gateway: publish(gatewayFileSchema),
    part: publish(partFileSchema),
    robot: publish(robotFileSchema),
  };
}

/** `io: "input"`: what a person writes, before defaults; unknown keys are allowed, since they are only a warning. */
function publish(schema: z.ZodObject): unknown {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}
