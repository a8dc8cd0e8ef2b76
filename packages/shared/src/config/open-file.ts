import type { z } from "zod";
import { typeName } from "./check-fields.js";
import type { ConfigContext, Loading } from "./config-context.js";
import { readJson } from "./read-json.js";
import { isObject, warnUnknownKeys } from "./unknown-keys.js";

/** A file whose text is JSON and an object: its value, absent when it is not; unknown keys are already warned of. */
export function openFile(
  text: string,
  context: ConfigContext,
  schema: z.ZodObject,
): { readonly value?: Readonly<Record<string, unknown>>; readonly loading: Loading } {
  const { value, problems } = readJson(text, context);
  const loading = { context, problems };
  if (problems.hasFatal()) return { loading };
  if (!isObject(value)) {
    problems.add("fatal", [], `the file must hold an object { ... }, but holds ${typeName(value)}`);
    return { loading };
  }
  if (isCloudStub(value)) {
    problems.add(
      "fatal",
      ["cloud"],
      "this file only points to the machine's configuration at app.viam.com, which Vigil does not fetch. Export it: " +
        "open the machine at app.viam.com, choose CONFIGURE and JSON, copy the text into a file, and give that file",
    );
    return { loading };
  }
  warnUnknownKeys(schema, value, problems);
  return { value, loading };
}

/** Viam's agent leaves such a file on a machine: credentials, and nothing of the robot itself. */
function isCloudStub(value: Readonly<Record<string, unknown>>): boolean {
  const content = ["components", "services", "remotes", "modules", "parts", "part"];
  return value.cloud !== undefined && content.every((key) => value[key] === undefined);
}
