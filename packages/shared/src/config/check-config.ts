import type { ConfigContext } from "./config-context.js";
import { loadGatewayConfig } from "./gateway-config.js";
import { type Loaded, loadPartConfig, MIN_SECRET_CHARS } from "./part-config.js";
import type { Problem } from "./problem.js";
import { readJson } from "./read-json.js";
import { loadRobotConfig } from "./robot-config.js";
import { isObject } from "./unknown-keys.js";

/** Which of Vigil's files a file is. */
export type ConfigKind = "gateway" | "part" | "robot";

/** All problems of a file of any kind: what `vigil check` shows. */
export function checkConfig(
  text: string,
  context: ConfigContext,
): { readonly kind: ConfigKind; readonly problems: readonly Problem[] } {
  const kind = kindOf(readJson(text, context).value);
  return { kind, problems: load(kind, text, context).problems };
}

function load(kind: ConfigKind, text: string, context: ConfigContext): Loaded<unknown> {
  switch (kind) {
    case "gateway":
      return loadGatewayConfig(text, context);
    case "part":
      return loadPartConfig(text, context);
    case "robot":
      return loadRobotConfig(text, context, { secretOf: () => "x".repeat(MIN_SECRET_CHARS) });
  }
}

/** A gateway lists its parts, a part says which it is; everything else is a robot, as a plain Viam file is. */
function kindOf(value: unknown): ConfigKind {
  if (!isObject(value)) return "robot";
  if (value.part !== undefined) return "part";
  return Array.isArray(value.parts) ? "gateway" : "robot";
}
