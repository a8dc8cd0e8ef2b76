import type { Loading } from "./config-context.js";
import type { Path, Severity } from "./problem.js";
import type { SecretSource } from "./schema-common.js";

/** The text of a secret; undefined, with a problem, when it is not where the file says. */
export function resolveSecret(
  source: SecretSource | undefined,
  loading: Loading,
  path: Path,
  severity: Severity = "fatal",
): string | undefined {
  if (source === undefined || typeof source === "string") return source;
  const report = (message: string) => loading.problems.add(severity, path, message);
  if ("env" in source) {
    const value = loading.context.env[source.env];
    if (value === undefined || value === "") report(`the environment variable ${source.env} is not set: set it`);
    return value === "" ? undefined : value;
  }
  const text = readNamedFile(source.file, loading, path, severity)?.trim();
  if (text === "") report(`the file "${source.file}" is empty: put the secret into it`);
  return text === "" ? undefined : text;
}

/** The text of a file that the configuration names; undefined, with a problem, when it cannot be read. */
export function readNamedFile(
  file: string,
  loading: Loading,
  path: Path,
  severity: Severity = "fatal",
): string | undefined {
  try {
    return loading.context.readFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    loading.problems.add(
      severity,
      path,
      `the file "${file}" cannot be read (${reason}): mend the path or its permissions`,
    );
    return undefined;
  }
}
