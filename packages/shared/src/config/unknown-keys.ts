import type { z } from "zod";
import { nearest } from "./nearest.js";
import type { Path, ProblemList } from "./problem.js";

/** The part of zod's schema objects that is walked here. */
type Schema = z.core.$ZodType;

/**
 * Warns of every key of `value` that `schema` does not know, with the nearest key that it does: an unknown key is
 * never silently dropped, since a slip in a safety key would go unseen.
 */
export function warnUnknownKeys(schema: Schema, value: unknown, problems: ProblemList, path: Path = []): void {
  const definition = schemaDefinition(schema);
  switch (definition.type) {
    case "object":
      if (isObject(value)) walkObject(definition, value, problems, path);
      return;
    case "array":
      if (Array.isArray(value)) {
        for (const [index, item] of value.entries())
          warnUnknownKeys(definition.element, item, problems, [...path, index]);
      }
      return;
    case "record":
      if (isObject(value)) {
        for (const [key, item] of Object.entries(value)) {
          warnUnknownKeys(definition.valueType, item, problems, [...path, key]);
        }
      }
      return;
    case "optional":
      warnUnknownKeys(definition.innerType, value, problems, path);
      return;
    case "union":
      walkUnion(definition.options, value, problems, path);
      return;
    default:
      return;
  }
}

function walkObject(
  definition: z.core.$ZodObjectDef,
  value: Record<string, unknown>,
  problems: ProblemList,
  path: Path,
): void {
  for (const [key, item] of Object.entries(value)) {
    if (Object.hasOwn(definition.shape, key)) {
      warnUnknownKeys(definition.shape[key]!, item, problems, [...path, key]);
    } else if (definition.catchall === undefined) {
      const known = Object.keys(definition.shape);
      const near = nearest(key, known);
      const hint = near === undefined ? `known here: ${known.join(", ")}` : `did you mean "${near}"?`;
      problems.add("warning", [...path, key], `unknown key, not used: ${hint}`);
    }
  }
}

/** Checks against the one option that the value means: by its discriminating literals, else by the most keys in common. */
function walkUnion(options: readonly Schema[], value: unknown, problems: ProblemList, path: Path): void {
  if (!isObject(value)) return;
  let best: Schema | undefined;
  let bestScore = 0;
  for (const option of options) {
    const definition = schemaDefinition(option);
    if (definition.type !== "object") continue;
    let score = 1;
    for (const [key, schema] of Object.entries(definition.shape)) {
      if (!Object.hasOwn(value, key)) continue;
      const field = schemaDefinition(schema);
      if (field.type === "literal") score += field.values.includes(value[key] as z.core.util.Literal) ? 100 : -100;
      else score += 1;
    }
    if (score > bestScore) [best, bestScore] = [option, score];
  }
  if (best !== undefined) warnUnknownKeys(best, value, problems, path);
}

function schemaDefinition(schema: Schema): z.core.$ZodTypes["_zod"]["def"] {
  return (schema as z.core.$ZodTypes)._zod.def;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
