import { checkFields, type Fields, typeName } from "./check-fields.js";
import type { Loading } from "./config-context.js";
import { fillPlaceholders } from "./placeholders.js";
import { createProblemList, formatPath, type Path, type Problem } from "./problem.js";
import { compileSafety, type SafetyConfig } from "./safety-config.js";
import { type FrameFile, resourceShape } from "./schema-part.js";
import { isObject } from "./unknown-keys.js";

/** The API of a resource, as in "rdk:component:motor". */
export interface ApiConfig {
  readonly namespace: string;
  readonly type: "component" | "service";
  readonly subtype: string;
}

export interface FrameConfig {
  readonly parent: string;
  /** mm. */
  readonly translation: { readonly x: number; readonly y: number; readonly z: number };
  readonly orientation?: { readonly type: string; readonly value: Readonly<Record<string, number>> };
  readonly geometry?: Readonly<Record<string, unknown>>;
}

/** One component or service of a part. */
export interface ResourceConfig {
  readonly name: string;
  readonly api: ApiConfig;
  /** Triplet "namespace:family:name". */
  readonly model: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** As written: bare names, or full ones as in "rdk:component:motor/left". */
  readonly dependsOn: readonly string[];
  readonly safety: SafetyConfig;
  readonly frame?: FrameConfig;
  readonly logLevel?: string;
  readonly serviceConfigs: readonly Readonly<Record<string, unknown>>[];
  /** Place in the file, as in "components[2]". */
  readonly path: string;
  /** Why it cannot be built: it is UNHEALTHY with this text, and never built. */
  readonly problem?: string;
}

/** A resource while its part is still being compiled: relations may add to its problem. */
export interface ResourceDraft {
  readonly config: Omit<ResourceConfig, "problem">;
  readonly path: Path;
  readonly problems: string[];
}

/** "rdk:component:motor". */
export function formatApi(api: ApiConfig): string {
  return `${api.namespace}:${api.type}:${api.subtype}`;
}

/** Compiles every entry of `components` or `services`. */
export function compileResources(
  list: readonly unknown[] | undefined,
  type: "component" | "service",
  loading: Loading,
  path: Path,
): ResourceDraft[] {
  return (list ?? []).map((entry, index) => compileResource(entry, type, loading, [...path, index]));
}

function compileResource(entry: unknown, type: "component" | "service", loading: Loading, path: Path): ResourceDraft {
  const index = path.at(-1);
  if (!isObject(entry)) {
    const draft = createDraft(
      `unnamed-${type}-${index}`,
      { namespace: "rdk", type, subtype: "unknown" },
      loading,
      path,
    );
    reportResource(draft, loading, [], `must be an object, but is ${typeName(entry)}`);
    return draft;
  }
  // A problem of this resource is collected apart, so that it reaches both the list and the resource itself.
  const own = createProblemList();
  const fields = checkFields(resourceShape, entry, own, path, (key) => (key === "safety" ? "fatal" : "resource"));
  const api = compileApi(fields, type);
  const known = api ?? { namespace: "rdk", type, subtype: "unknown" };
  const name = nameOf(entry, fields, type, index);
  const draft = createDraft(name, known, loading, path, fields, api);
  for (const problem of own.all()) repeat(problem, draft, loading, path);
  reportMissing(draft, entry, fields, api, type, loading);
  if (api !== undefined && api.type !== type) {
    reportResource(draft, loading, ["api"], `is a ${api.type}: move it to "${api.type}s"`);
  }
  return draft;
}

function createDraft(
  name: string,
  api: ApiConfig,
  loading: Loading,
  path: Path,
  fields?: Fields<typeof resourceShape>,
  knownApi?: ApiConfig,
): ResourceDraft {
  const draftProblems: string[] = [];
  const attributes = fillPlaceholders(fields?.attributes ?? {}, loading.context, (at, message) => {
    draftProblems.push(message);
    loading.problems.add("resource", [...path, "attributes", ...at], message);
  }) as Record<string, unknown>;
  return {
    path,
    problems: draftProblems,
    config: {
      name,
      api,
      model: compileModel(fields?.model, api.type),
      attributes,
      dependsOn: [...(fields?.depends_on ?? [])],
      safety: compileSafety(fields?.safety, knownApi, loading.problems, [...path, "safety"]),
      ...(fields?.frame !== undefined && { frame: compileFrame(fields.frame) }),
      ...(fields?.log_configuration?.level !== undefined && { logLevel: fields.log_configuration.level }),
      serviceConfigs: fields?.service_configs ?? [],
      path: formatPath(path),
    },
  };
}

function reportMissing(
  draft: ResourceDraft,
  entry: Readonly<Record<string, unknown>>,
  fields: Fields<typeof resourceShape>,
  api: ApiConfig | undefined,
  type: string,
  loading: Loading,
): void {
  const absent = (key: string) => entry[key] === undefined || entry[key] === "";
  if (absent("name") && type === "component") reportResource(draft, loading, ["name"], "is missing: give it a name");
  if (api === undefined && absent("api") && fields.type === undefined && absent("type")) {
    reportResource(draft, loading, ["api"], `is missing: add "api": "rdk:${type}:..."`);
  }
  if (absent("model") && type === "component") {
    reportResource(draft, loading, ["model"], 'is missing: name the model, as in "fake" or "namespace:family:name"');
  }
}

/** Adds a problem to the file's list and to the resource. `at` is relative to the resource. */
export function reportResource(draft: ResourceDraft, loading: Loading, at: Path, message: string): void {
  draft.problems.push(at.length === 0 ? message : `${formatPath(at)}: ${message}`);
  loading.problems.add("resource", [...draft.path, ...at], message);
}

function repeat(problem: Problem, draft: ResourceDraft, loading: Loading, path: Path): void {
  const at = problem.path.slice(formatPath(path).length).replace(/^\./, "");
  if (problem.severity === "resource") draft.problems.push(at === "" ? problem.message : `${at}: ${problem.message}`);
  loading.problems.add(problem.severity, toPath(problem.path), problem.message);
}

/** The path behind a formatted one, as far as line numbers need it. */
function toPath(formatted: string): Path {
  return [...formatted.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([\w-]+)/g)].map((match) =>
    match[1] === undefined ? (match[2] ?? match[3] ?? "") : Number(match[1]),
  );
}

function nameOf(
  entry: Readonly<Record<string, unknown>>,
  fields: Fields<typeof resourceShape>,
  type: "component" | "service",
  index: string | number | undefined,
): string {
  if (fields.name !== undefined) return fields.name;
  // A bad name is kept: that is how its owner recognises it in GetMachineStatus.
  if (typeof entry.name === "string" && entry.name !== "") return entry.name;
  return type === "service" && entry.name === undefined ? "builtin" : `unnamed-${type}-${index}`;
}

/** `api` wins over the old `type` and `namespace` (compat.md, section 1). */
function compileApi(fields: Fields<typeof resourceShape>, type: "component" | "service"): ApiConfig | undefined {
  if (typeof fields.api === "string") {
    const [namespace, kind, subtype] = fields.api.split(":") as [string, "component" | "service", string];
    return { namespace, type: kind, subtype };
  }
  if (fields.api !== undefined) return { ...fields.api };
  if (fields.type === undefined || fields.type === "") return undefined;
  return { namespace: fields.namespace || "rdk", type, subtype: fields.type };
}

function compileModel(model: Fields<typeof resourceShape>["model"], type: "component" | "service"): string {
  if (model === undefined) return type === "service" ? "rdk:builtin:builtin" : "";
  if (typeof model === "string") return model.includes(":") ? model : `rdk:builtin:${model}`;
  return `${model.namespace || "rdk"}:${model.model_family || "builtin"}:${model.name}`;
}

export function compileFrame(frame: FrameFile): FrameConfig {
  const { translation, orientation, geometry } = frame;
  return {
    parent: frame.parent || "world",
    translation: { x: translation?.x ?? 0, y: translation?.y ?? 0, z: translation?.z ?? 0 },
    ...(orientation?.type !== undefined && {
      orientation: { type: orientation.type, value: orientation.value ?? {} },
    }),
    ...(geometry !== undefined && { geometry }),
  };
}

/** The finished resource. */
export function finishResource(draft: ResourceDraft): ResourceConfig {
  return { ...draft.config, ...(draft.problems.length > 0 && { problem: draft.problems.join("; ") }) };
}
