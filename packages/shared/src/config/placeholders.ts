import type { ConfigContext } from "./config-context.js";
import type { Path } from "./problem.js";
import { isObject } from "./unknown-keys.js";

const PLACEHOLDER = /\$\{(environment|packages)\.([^}]+)\}/g;

/**
 * Puts `${environment.NAME}` into the texts of attributes and module fields, as Viam does (compat.md, section 1).
 * `${packages.NAME}` stays and is reported: packages come out of Viam's cloud, which Vigil does not ask.
 */
export function fillPlaceholders(
  value: unknown,
  context: Pick<ConfigContext, "env">,
  report: (path: Path, message: string) => void,
  path: Path = [],
): unknown {
  if (typeof value === "string") {
    return value.replace(PLACEHOLDER, (whole, kind: string, name: string) => {
      if (kind === "packages") {
        report(path, `${whole} names a package of Viam's cloud, which is not fetched: write the path itself`);
        return whole;
      }
      const text = context.env[name];
      if (text === undefined) report(path, `the environment variable ${name} is not set: set it`);
      return text ?? "";
    });
  }
  if (Array.isArray(value))
    return value.map((item, index) => fillPlaceholders(item, context, report, [...path, index]));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fillPlaceholders(item, context, report, [...path, key])]),
  );
}
