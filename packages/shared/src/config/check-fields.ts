import type { z } from "zod";
import { nearest } from "./nearest.js";
import type { Path, ProblemList, Severity } from "./problem.js";
import { isObject } from "./unknown-keys.js";

type Shape = Readonly<Record<string, z.ZodType>>;
/** What could be read of an object: a key that is missing or wrong is undefined. */
export type Fields<S extends Shape> = { readonly [K in keyof S]: z.output<S[K]> | undefined };

/**
 * Checks each key of `value` by itself, so that one wrong key hides no problem of another, and returns what is right.
 * `severityOf` says how bad a problem under a key is.
 */
export function checkFields<S extends Shape>(
  shape: S,
  value: Readonly<Record<string, unknown>>,
  problems: ProblemList,
  path: Path,
  severityOf: (key: string) => Severity = () => "fatal",
): Fields<S> {
  const fields: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    const present = Object.hasOwn(value, key) ? value[key] : undefined;
    const result = schema.safeParse(present, { error: describeIssue });
    if (result.success) fields[key] = result.data;
    else reportIssues(result.error.issues, problems, [...path, key], severityOf(key));
  }
  return fields as Fields<S>;
}

function reportIssues(
  issues: readonly z.core.$ZodIssue[],
  problems: ProblemList,
  path: Path,
  severity: Severity,
): void {
  for (const issue of issues) {
    const place = [...path, ...issue.path.map((key) => (typeof key === "number" ? key : String(key)))];
    problems.add(severity, place, issue.message);
  }
}

/** Words for what zod finds where the schema has none of its own. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") {
    if (issue.input === undefined) return "is missing";
    const expected = { object: "an object", array: "a list", record: "an object", int: "a whole number" }[
      issue.expected as string
    ];
    return `must be ${expected ?? `a ${issue.expected}`}, but is ${typeName(issue.input)}`;
  }
  if (issue.code === "invalid_value") {
    const values = (issue.values as unknown[]).map(String);
    const near = typeof issue.input === "string" ? nearest(issue.input, values) : undefined;
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    return `must be one of ${values.map((value) => `"${value}"`).join(", ")}${hint}`;
  }
  return undefined;
}

export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return isObject(value) ? "an object" : `a ${typeof value}`;
}
