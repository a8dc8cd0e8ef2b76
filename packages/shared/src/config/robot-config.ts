import { isLoopback } from "./address.js";
import { checkFields, type Fields, typeName } from "./check-fields.js";
import type { ConfigContext, Loading } from "./config-context.js";
import { deepFreeze } from "./deep-freeze.js";
import {
  compileCommandAge,
  compileGateway,
  type GatewayConfig,
  type GatewayPartConfig,
  withNetwork,
} from "./gateway-config.js";
import { openFile } from "./open-file.js";
import { compilePartOwn, draftResources, finishMachine, type Loaded, type PartConfig } from "./part-config.js";
import { formatPath, type Path } from "./problem.js";
import { formatApi, type ResourceDraft } from "./resource-config.js";
import { MAX_RESOURCE_NAME_CHARS, NAME_PATTERN } from "./schema-common.js";
import { gatewayOwnShape, robotCheckShape, robotFileSchema, robotPartExtraShape } from "./schema-gateway.js";
import { machineCheckShape } from "./schema-part.js";
import { isObject } from "./unknown-keys.js";

/** A whole robot out of one file: what `vigil up` starts. */
export interface RobotConfig {
  readonly gateway: GatewayConfig;
  readonly parts: readonly PartConfig[];
  /** gateway.json and part.json as they would be written by hand: what the child processes are given. */
  readonly files: { readonly gateway: FileContent; readonly parts: readonly FileContent[] };
}
export type FileContent = Readonly<Record<string, unknown>>;

export interface RobotOptions {
  /** The secret that the named part and the gateway share. At least 16 characters. */
  secretOf(part: string): string;
  /** Port of the gateway, where the file says 0. */
  readonly port?: number;
  /** Serve cleartext even where the file names a certificate (Viam's flag -no-tls). */
  readonly noTls?: boolean;
}

const MAIN = "main";
/** Parts on one machine: a fixed port would collide, so each takes a free one and logs it. */
const ANY_LOOPBACK_PORT = { host: "127.0.0.1", port: 0 };

interface PartDraft {
  readonly name: string;
  readonly path: Path;
  readonly value: FileContent;
  readonly fields: Fields<typeof machineCheckShape & typeof robotPartExtraShape>;
  readonly drafts: readonly ResourceDraft[];
}

/** Reads the text of robot.json, or of a plain Viam machine config. Never throws. */
export function loadRobotConfig(text: string, context: ConfigContext, options: RobotOptions): Loaded<RobotConfig> {
  const opened = openFile(text, context, robotFileSchema);
  const { loading } = opened;
  if (opened.value === undefined) return { problems: loading.problems.all() };
  const value = options.noTls ? withoutTls(opened.value) : opened.value;
  const fields = withNetwork(checkFields(robotCheckShape, value, loading.problems, []), value);
  const parts = [draftMain(value, fields, loading), ...draftOthers(fields.parts, loading)];
  const gatewayParts = parts.map(
    (part): GatewayPartConfig => ({
      name: part.name,
      secret: options.secretOf(part.name),
      prefix: part.fields.prefix ?? "",
      maxCommandAgeMs: compileCommandAge(part.fields.max_command_age),
    }),
  );
  const gateway = withPort(compileGateway(fields, gatewayParts, loading), options.port);
  warnSameNames(parts, loading);
  const names = new Set(parts.flatMap((part) => part.drafts.flatMap((draft) => namesOf(part, draft))));
  const complete = parts.every((part) => (part.fields.remotes ?? []).length === 0);
  const compiled = parts.map((part) => compilePart(part, gateway, { names, complete }, options, loading));
  const problems = loading.problems.all();
  if (loading.problems.hasFatal()) return { problems };
  const files = {
    gateway: gatewayFile(value, gateway),
    parts: parts.map((part, index) => partFile(part, compiled[index]!)),
  };
  return { config: deepFreeze({ gateway, parts: compiled, files: structuredClone(files) }), problems };
}

function draftMain(value: FileContent, fields: Fields<typeof robotCheckShape>, loading: Loading): PartDraft {
  const { robot: _robot, parts: _parts, leases: _leases, metrics: _metrics, ...machine } = fields;
  // These keys are the gateway's where they stand at the top level.
  const own = {
    ...machine,
    leases: undefined,
    metrics: undefined,
    prefix: undefined,
    max_command_age: undefined,
    state_directory: undefined,
  };
  return { name: MAIN, path: [], value, fields: own, drafts: draftResources(own, loading, []) };
}

function draftOthers(parts: FileContent | undefined, loading: Loading): PartDraft[] {
  return Object.entries(parts ?? {}).flatMap(([name, value]): PartDraft[] => {
    const path = ["parts", name];
    const report = (message: string) => loading.problems.add("fatal", path, message);
    if (name === MAIN) report("main is the file itself: move its components to the top level");
    else if (!NAME_PATTERN.test(name) || name.length > MAX_RESOURCE_NAME_CHARS) {
      report(
        `the name of a part must start with a letter or digit, hold only letters, digits, - and _, and have at most ${MAX_RESOURCE_NAME_CHARS}`,
      );
    }
    if (!isObject(value)) {
      report(`must be an object, but is ${typeName(value)}`);
      return [];
    }
    const fields = checkFields({ ...machineCheckShape, ...robotPartExtraShape }, value, loading.problems, path);
    return [{ name, path, value, fields, drafts: draftResources(fields, loading, path) }];
  });
}

function compilePart(
  part: PartDraft,
  gateway: GatewayConfig,
  others: { readonly names: ReadonlySet<string>; readonly complete: boolean },
  options: RobotOptions,
  loading: Loading,
): PartConfig {
  const { networkWindowMs: windowMs, ...own } = compilePartOwn(part.fields, loading, part.path, ANY_LOOPBACK_PORT);
  // A part that names no store asks, by itself, where the gateway keeps its sessions (rules.md, R3).
  const leases = part.fields.leases === undefined && gateway.leases.store === "redis" ? gateway.leases : own.leases;
  if (part.path.length > 0 && windowMs !== undefined && windowMs !== gateway.heartbeatWindowMs) {
    loading.problems.add(
      "warning",
      [...part.path, "network", "sessions", "heartbeat_window"],
      `is ${windowMs} ms, but the gateway's window of ${gateway.heartbeatWindowMs} ms counts: set it at the top level only`,
    );
  }
  return {
    part: {
      name: part.name,
      gateway: gatewayUrl(gateway),
      secret: options.secretOf(part.name),
      // The gateway runs on this machine, and both prove the secret to each other; its certificate names another host.
      tlsVerify: false,
      carrier: "websocket",
    },
    ...own,
    leases,
    ...finishMachine(part.fields, part.drafts, others, loading, part.path),
  };
}

function withPort(gateway: GatewayConfig, port: number | undefined): GatewayConfig {
  if (port === undefined || gateway.bind.port !== 0) return gateway;
  return { ...gateway, bind: { ...gateway.bind, port } };
}

/** Where a part on this machine finds the gateway. */
export function gatewayUrl(gateway: Pick<GatewayConfig, "bind" | "tls">): string {
  const { host, port } = gateway.bind;
  const reachable =
    host === "0.0.0.0" || (isLoopback(host) && host !== "::1") ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${gateway.tls ? "wss" : "ws"}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function namesOf(part: PartDraft, draft: ResourceDraft): string[] {
  return [draft.config.name, `${part.fields.prefix ?? ""}${draft.config.name}`];
}

/** Both stay reachable as part:name; the bare name answers with an error that lists them (contract.md, Resource names). */
function warnSameNames(parts: readonly PartDraft[], loading: Loading): void {
  const first = new Map<string, { readonly part: PartDraft; readonly draft: ResourceDraft }>();
  for (const part of parts) {
    for (const draft of part.drafts) {
      const bare = `${part.fields.prefix ?? ""}${draft.config.name}`;
      const key = `${formatApi(draft.config.api)}/${bare}`;
      const other = first.get(key);
      if (other === undefined) first.set(key, { part, draft });
      else if (other.part !== part) {
        loading.problems.add(
          "warning",
          [...draft.path, "name"],
          `"${bare}" is also the name of ${formatPath(other.draft.path)}: clients must say "${other.part.name}:${other.draft.config.name}" ` +
            `or "${part.name}:${draft.config.name}"; rename one, or give part ${part.name} a prefix`,
        );
      }
    }
  }
}

/** gateway.json for a child process: the file's own keys, and the parts with their generated secrets. */
function gatewayFile(value: FileContent, gateway: GatewayConfig): FileContent {
  const own = Object.keys(gatewayOwnShape).filter((key) => value[key] !== undefined);
  const network = isObject(value.network) ? value.network : {};
  const { host, port } = gateway.bind;
  return {
    ...Object.fromEntries(own.map((key) => [key, value[key]])),
    network: { ...network, bind_address: `${bracketed(host)}:${port}` },
    parts: gateway.parts.map((part) => ({
      name: part.name,
      secret: part.secret,
      prefix: part.prefix,
      max_command_age: `${part.maxCommandAgeMs}ms`,
    })),
  };
}

/** part.json for a child process: the machine's keys as they stand, and what was compiled for this part. */
function partFile(part: PartDraft, config: PartConfig): FileContent {
  const keys = Object.keys(machineCheckShape).filter((key) => part.value[key] !== undefined);
  const { name, gateway, secret, tlsVerify } = config.part;
  return {
    part: { name, gateway, secret, tls_verify: tlsVerify },
    ...Object.fromEntries(keys.map((key) => [key, part.value[key]])),
    leases: config.leases.store === "redis" ? { ...config.leases } : { store: "gateway" },
    metrics: { bind_address: `${bracketed(config.metricsBind.host)}:${config.metricsBind.port}` },
    ...(config.stateDirectory !== undefined && { state_directory: config.stateDirectory }),
  };
}

function withoutTls(value: FileContent): FileContent {
  return { ...value, network: { ...(isObject(value.network) ? value.network : {}), no_tls: true } };
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
