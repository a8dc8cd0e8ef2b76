import { z } from "zod";
import { parseDurationMs } from "../duration.js";
import { parseBindAddress } from "./address.js";

/** The longest duration that any key takes, unless it says less: a slip of unit (h for ms) should not pass. */
const MAX_DURATION = "24h";

/** A Go duration string between `min` and `max` (durations too), both included. */
export function duration(description: string, min = "1ms", max = MAX_DURATION) {
  const [minMs, maxMs] = [parseDurationMs(min), parseDurationMs(max)];
  return z
    .string({ error: 'must be a string with a unit, such as "300ms" or "2s"' })
    .check((ctx) => {
      const ms = attempt(() => parseDurationMs(ctx.value));
      if (ms instanceof Error) ctx.issues.push({ code: "custom", input: ctx.value, message: ms.message });
      else if (ms < minMs || ms > maxMs) {
        const message = `"${ctx.value}" is out of range: write a duration from "${min}" to "${max}"`;
        ctx.issues.push({ code: "custom", input: ctx.value, message });
      }
    })
    .meta({ description: `${description} From ${min} to ${max}.`, pattern: "^(\\d+(\\.\\d+)?(ns|us|ms|s|m|h))+$" });
}

/** A duration, or the word "off". */
export function durationOrOff(description: string, min: string, max: string) {
  return z.union([z.literal("off"), duration(description, min, max)], {
    error: `must be "off" or a duration from "${min}" to "${max}", such as "10s"`,
  });
}

export function bindAddress(description: string) {
  return z
    .string({ error: 'must be a string "host:port", such as "127.0.0.1:8080"' })
    .check((ctx) => {
      const address = attempt(() => parseBindAddress(ctx.value));
      if (address instanceof Error) ctx.issues.push({ code: "custom", input: ctx.value, message: address.message });
    })
    .meta({ description });
}

/** A URL of one of `protocols` (each with its colon). */
export function url(description: string, protocols: readonly string[], example: string) {
  return z
    .string({ error: `must be a string, such as "${example}"` })
    .refine((text) => isUrl(text, protocols), { error: `must be a URL, such as "${example}"` })
    .meta({ description });
}

export function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

/** A secret: as it is, or where it is to be found. */
export const secretSchema = z
  .union(
    [
      z.string().min(1),
      z.object({ env: z.string().min(1).describe("Name of an environment variable that holds the secret.") }),
      z.object({ file: z.string().min(1).describe("File that holds the secret, relative to this one.") }),
    ],
    { error: 'must be a string that is not empty, or { "env": "NAME" }, or { "file": "PATH" }' },
  )
  .describe("A secret, or where it is to be found.");
export type SecretSource = z.output<typeof secretSchema>;

/** Viam's rule for names (compat.md, section 1); ":" and "+" are reserved. */
export const NAME_PATTERN = /^[a-zA-Z0-9][-\w]*$/;
export const MAX_RESOURCE_NAME_CHARS = 60;
export const MAX_MODULE_NAME_CHARS = 200;

export function name(description: string, maxChars = MAX_RESOURCE_NAME_CHARS) {
  return z
    .string({ error: "must be a string" })
    .regex(NAME_PATTERN, { error: "must start with a letter or digit and hold only letters, digits, - and _" })
    .max(maxChars, { error: `must have at most ${maxChars} characters` })
    .meta({ description });
}

export const prefixSchema = z
  .string({ error: "must be a string" })
  .regex(/^(?:[a-zA-Z0-9][-\w]*)?$/, {
    error: "must start with a letter or digit and hold only letters, digits, - and _",
  })
  .describe("Put straight in front of the names of this part's resources.");

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
