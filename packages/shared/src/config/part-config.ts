import { join, resolve } from "node:path";
import type { z } from "zod";
import { parseDurationMs } from "../duration.js";
import { type BindAddress, isLoopback, parseBindAddress } from "./address.js";
import { checkFields, type Fields } from "./check-fields.js";
import type { ConfigContext, Loading } from "./config-context.js";
import { deepFreeze } from "./deep-freeze.js";
import { compilePartLeases, type PartLeasesConfig } from "./leases-config.js";
import { compileModules, compileRemotes, type ModuleConfig, type RemoteConfig } from "./module-config.js";
import { openFile } from "./open-file.js";
import type { Path, Problem } from "./problem.js";
import { compileResources, finishResource, type ResourceConfig, type ResourceDraft } from "./resource-config.js";
import { checkRelations, type OtherNames } from "./resource-relations.js";
import { checkLines, whyUnprotected } from "./safety-config.js";
import { partFileSchema } from "./schema-gateway.js";
import { machineCheckShape, partKeySchema, partOwnShape } from "./schema-part.js";
import { resolveSecret } from "./secret.js";
import { isObject } from "./unknown-keys.js";

/** One part of the robot, compiled from part.json: defaults filled, relations checked, frozen. */
export interface PartConfig extends MachineConfig {
  readonly part: {
    readonly name: string;
    /** ws:// or wss:// URL of the gateway. */
    readonly gateway: string;
    readonly secret: string;
    /** False: a wss gateway's certificate is not checked. */
    readonly tlsVerify: boolean;
    /** What carries the calls of the link. */
    readonly carrier: "webrtc" | "websocket";
  };
  readonly leases: PartLeasesConfig;
  readonly metricsBind: BindAddress;
  /** The window that the part's own file names. The gateway's counts; one that differs is worth a warning. */
  readonly networkWindowMs?: number;
  /** Folder for what must outlive the process; undefined: there is none. */
  readonly stateDirectory: string | undefined;
}

/** What Viam's machine config says of one part. */
export interface MachineConfig {
  readonly resources: readonly ResourceConfig[];
  readonly modules: readonly ModuleConfig[];
  readonly remotes: readonly RemoteConfig[];
  readonly debug: boolean;
}

/** A configuration with all problems of its file; no configuration when one of them is fatal. */
export interface Loaded<C> {
  readonly config?: C;
  readonly problems: readonly Problem[];
}

/** The port is that of OpenTelemetry's Prometheus exporter, which scrapers know. */
const DEFAULT_PART_METRICS: BindAddress = { host: "127.0.0.1", port: 9464 };
/** A shorter secret can be guessed by trying. */
export const MIN_SECRET_CHARS = 16;

/** Reads the text of part.json. Never throws. */
export function loadPartConfig(text: string, context: ConfigContext): Loaded<PartConfig> {
  const { value, loading } = openFile(text, context, partFileSchema);
  const config = value === undefined ? undefined : compilePart(value, loading);
  const problems = loading.problems.all();
  return config === undefined || loading.problems.hasFatal() ? { problems } : { config: deepFreeze(config), problems };
}

/** On one machine nothing is lost, and a WebSocket's round trip is a fraction of a data channel's. */
function carrierTo(gateway: string): "webrtc" | "websocket" {
  const host = URL.canParse(gateway) ? new URL(gateway).hostname : "";
  return isLoopback(host.replace(/^\[|\]$/g, "")) ? "websocket" : "webrtc";
}

function compilePart(value: Readonly<Record<string, unknown>>, loading: Loading): PartConfig {
  const fields = checkFields({ ...machineCheckShape, ...partOwnShape }, value, loading.problems, []);
  const part = checkPartKey(value.part, loading);
  const drafts = draftResources(fields, loading, []);
  const { networkWindowMs, ...own } = compilePartOwn(fields, loading, [], DEFAULT_PART_METRICS);
  return {
    part: {
      name: part?.name ?? "",
      gateway: part?.gateway ?? "",
      secret: compilePartSecret(part?.secret, loading, ["part", "secret"]) ?? "",
      tlsVerify: part?.tls_verify ?? true,
      carrier: part?.carrier ?? carrierTo(part?.gateway ?? ""),
    },
    ...own,
    ...finishMachine(fields, drafts, { names: new Set(), complete: false }, loading, []),
    ...(networkWindowMs !== undefined && { networkWindowMs }),
  };
}

function checkPartKey(value: unknown, loading: Loading): Partial<z.output<typeof partKeySchema>> | undefined {
  if (value === undefined) {
    const message =
      'is missing: add "part": { "name": "main", "gateway": "ws://127.0.0.1:8080", "secret": { "env": "NAME" } }';
    loading.problems.add("fatal", ["part"], message);
    return undefined;
  }
  if (!isObject(value)) {
    loading.problems.add("fatal", ["part"], "must be an object with name, gateway and secret");
    return undefined;
  }
  return checkFields(partKeySchema.shape, value, loading.problems, ["part"]);
}

/** The secret of a part, with a warning when it can be guessed. */
export function compilePartSecret(
  source: Parameters<typeof resolveSecret>[0],
  loading: Loading,
  path: Path,
): string | undefined {
  const secret = resolveSecret(source, loading, path);
  if (secret !== undefined && secret.length < MIN_SECRET_CHARS) {
    const message = `has ${secret.length} characters and can be guessed: use ${MIN_SECRET_CHARS} or more, as from "openssl rand -hex 32"`;
    loading.problems.add("warning", path, message);
  }
  return secret;
}

/** Keys of a part that are Vigil's own. */
export function compilePartOwn(
  fields: Pick<Fields<typeof partOwnShape>, "network" | "leases" | "metrics" | "state_directory">,
  loading: Loading,
  path: Path,
  defaultMetrics: BindAddress,
) {
  const window = fields.network?.sessions?.heartbeat_window;
  return {
    leases: compilePartLeases(fields.leases, loading, [...path, "leases"]),
    metricsBind: fields.metrics === undefined ? defaultMetrics : parseBindAddress(fields.metrics.bind_address),
    networkWindowMs: window === undefined ? undefined : parseDurationMs(window),
    stateDirectory: stateDirectoryOf(fields.state_directory, loading.context),
  };
}

function stateDirectoryOf(named: string | undefined, { env, directory }: ConfigContext): string | undefined {
  if (named !== undefined) return resolve(directory ?? ".", named);
  // systemd.exec(5): several are joined by colons; the first one is the unit's own.
  const [given] = env.STATE_DIRECTORY?.split(":") ?? [];
  return given || (directory === undefined ? undefined : join(directory, ".vigil"));
}

type MachineFields = Fields<typeof machineCheckShape>;

/** First step: every resource by itself. */
export function draftResources(fields: MachineFields, loading: Loading, path: Path): ResourceDraft[] {
  return [
    ...compileResources(fields.components, "component", loading, [...path, "components"]),
    ...compileResources(fields.services, "service", loading, [...path, "services"]),
  ];
}

/** Second step, when the names of all parts are known. */
export function finishMachine(
  fields: MachineFields,
  drafts: readonly ResourceDraft[],
  others: OtherNames,
  loading: Loading,
  path: Path,
): MachineConfig {
  checkLines(drafts, loading.problems);
  const remotes = compileRemotes(fields.remotes, loading, [...path, "remotes"]);
  checkRelations(drafts, { ...others, complete: others.complete && remotes.length === 0 }, loading);
  warnUnused(fields, loading, path);
  for (const draft of drafts) {
    const why = whyUnprotected(draft.config.api, draft.config.safety);
    if (why !== undefined) loading.problems.add("warning", draft.path, `"${draft.config.name}": ${why}`);
  }
  return {
    resources: drafts.map(finishResource),
    modules: compileModules(fields.modules, loading, [...path, "modules"]),
    remotes,
    debug: fields.debug ?? false,
  };
}

/** Viam's keys that change what a robot does, and that Vigil does not act on: said, never silently dropped. */
const UNUSED = ["packages", "jobs", "maintenance", "processes", "tracing", "log"] as const;

function warnUnused(fields: MachineFields, loading: Loading, path: Path): void {
  for (const key of UNUSED) {
    const value = fields[key];
    const empty = value === undefined || value === null || Object.keys(value).length === 0;
    if (!empty) loading.problems.add("warning", [...path, key], "Viam's key is known, but Vigil does not act on it");
  }
  if (fields.cloud !== undefined) {
    loading.problems.add("warning", [...path, "cloud"], "not used: this file is the whole configuration");
  }
}
