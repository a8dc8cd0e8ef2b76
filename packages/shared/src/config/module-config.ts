import { parseDurationMs } from "../duration.js";
import { checkFields, typeName } from "./check-fields.js";
import type { Loading } from "./config-context.js";
import { fillPlaceholders } from "./placeholders.js";
import { formatPath, type Path } from "./problem.js";
import { compileFrame, type FrameConfig } from "./resource-config.js";
import { moduleShape, remoteShape } from "./schema-part.js";
import { resolveSecret } from "./secret.js";
import { isObject } from "./unknown-keys.js";

/** A driver process that speaks Viam's module protocol. */
export interface ModuleConfig {
  readonly name: string;
  readonly executablePath: string;
  readonly type: "local" | "registry";
  readonly moduleId?: string;
  readonly logLevel?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly tcpMode: boolean;
  readonly firstRunTimeoutMs: number;
  /** Why it is not started. */
  readonly problem?: string;
}

/** Another robot whose resources appear as this part's. */
export interface RemoteConfig {
  readonly name: string;
  readonly address: string;
  readonly prefix: string;
  readonly insecure: boolean;
  /** What it is dialled with: entity, type and payload of Viam's Authenticate. */
  readonly credentials?: { readonly entity: string; readonly type: string; readonly payload: string };
  readonly frame?: FrameConfig;
  readonly connectionCheckIntervalMs: number;
  readonly reconnectIntervalMs: number;
  /** Why it is not dialled. */
  readonly problem?: string;
}

// Viam's defaults (compat.md, sections 1 and 8).
const DEFAULT_FIRST_RUN_TIMEOUT_MS = 3_600_000;
const DEFAULT_CONNECTION_CHECK_MS = 10_000;
const DEFAULT_RECONNECT_MS = 1000;

type Report = (at: Path, message: string) => void;

export function compileModules(list: readonly unknown[] | undefined, loading: Loading, path: Path): ModuleConfig[] {
  const seen = new Map<string, string>();
  return compileEach(list, loading, path, (entry, report, place) => {
    const fields = checkFieldsAs(moduleShape, entry, report);
    const filled = fillPlaceholders(fields, loading.context, report) as typeof fields;
    if (filled.name === "parent") report(["name"], '"parent" is reserved: choose another name');
    for (const key of ["name", "executable_path"] as const) {
      const text = filled[key];
      if (text === undefined) continue;
      const other = seen.get(`${key} ${text}`);
      if (other !== undefined) report([key], `"${text}" is already that of ${other}: use each once`);
      else seen.set(`${key} ${text}`, formatPath(place));
    }
    return {
      name: textOr(entry.name, `unnamed-module-${place.at(-1)}`),
      executablePath: filled.executable_path ?? "",
      type: filled.type ?? "local",
      ...(filled.module_id !== undefined && { moduleId: filled.module_id }),
      ...(filled.log_level !== undefined && { logLevel: filled.log_level }),
      env: filled.env ?? {},
      tcpMode: filled.tcp_mode ?? false,
      firstRunTimeoutMs: msOr(filled.first_run_timeout, DEFAULT_FIRST_RUN_TIMEOUT_MS),
    };
  });
}

export function compileRemotes(list: readonly unknown[] | undefined, loading: Loading, path: Path): RemoteConfig[] {
  const seen = new Map<string, string>();
  return compileEach(list, loading, path, (entry, report, place) => {
    const fields = checkFieldsAs(remoteShape, entry, report);
    if (fields.name !== undefined) {
      const other = seen.get(fields.name);
      if (other !== undefined) report(["name"], `"${fields.name}" is already that of ${other}: use each name once`);
      else seen.set(fields.name, formatPath(place));
    }
    const credentials = fields.auth?.credentials;
    const payload = credentials?.payload ?? fields.secret;
    const text = resolveSecret(payload, loading, [...place, credentials ? "auth" : "secret"], "resource");
    if (payload !== undefined && text === undefined)
      report([credentials ? "auth" : "secret"], "its secret is not there");
    return {
      name: textOr(entry.name, `unnamed-remote-${place.at(-1)}`),
      address: fields.address ?? "",
      prefix: fields.prefix ?? "",
      insecure: fields.insecure ?? false,
      ...(text !== undefined && {
        credentials: {
          entity: fields.auth?.entity ?? fields.address ?? "",
          type: credentials?.type ?? "robot-location-secret",
          payload: text,
        },
      }),
      ...(fields.frame !== undefined && { frame: compileFrame(fields.frame) }),
      connectionCheckIntervalMs: msOr(fields.connection_check_interval, DEFAULT_CONNECTION_CHECK_MS),
      reconnectIntervalMs: msOr(fields.reconnect_interval, DEFAULT_RECONNECT_MS),
    };
  });
}

/** Compiles entry by entry; what is wrong with one becomes its `problem` and leaves the others alone. */
function compileEach<C extends object>(
  list: readonly unknown[] | undefined,
  loading: Loading,
  path: Path,
  compile: (entry: Readonly<Record<string, unknown>>, report: Report, place: Path) => C,
): (C & { readonly problem?: string })[] {
  return (list ?? []).map((entry, index) => {
    const place = [...path, index];
    const problems: string[] = [];
    const report: Report = (at, message) => {
      problems.push(at.length === 0 ? message : `${formatPath(at)}: ${message}`);
      loading.problems.add("resource", [...place, ...at], message);
    };
    if (!isObject(entry)) report([], `must be an object, but is ${typeName(entry)}`);
    const compiled = compile(isObject(entry) ? entry : {}, report, place);
    return { ...compiled, ...(problems.length > 0 && { problem: problems.join("; ") }) };
  });
}

function checkFieldsAs<S extends Parameters<typeof checkFields>[0]>(
  shape: S,
  entry: Readonly<Record<string, unknown>>,
  report: Report,
) {
  return checkFields(
    shape,
    entry,
    { add: (_severity, at, message) => report(at, message), all: () => [], hasFatal: () => false },
    [],
  );
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}

function msOr(text: string | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : parseDurationMs(text);
}
