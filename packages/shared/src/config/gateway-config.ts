import { parseDurationMs } from "../duration.js";
import { type BindAddress, isLoopback, parseBindAddress } from "./address.js";
import { type AuthConfig, compileAuth } from "./auth-config.js";
import { checkFields, type Fields, typeName } from "./check-fields.js";
import type { ConfigContext, Loading } from "./config-context.js";
import { deepFreeze } from "./deep-freeze.js";
import { compileGatewayLeases, type GatewayLeasesConfig } from "./leases-config.js";
import { openFile } from "./open-file.js";
import { compilePartSecret, type Loaded } from "./part-config.js";
import { createProblemList, type Path } from "./problem.js";
import { gatewayFileSchema, gatewayOwnShape, gatewayPartSchema, type gatewayShape } from "./schema-gateway.js";
import { networkShape } from "./schema-part.js";
import { readNamedFile, resolveSecret } from "./secret.js";
import { isObject } from "./unknown-keys.js";
import { compileWindowMs } from "./window-config.js";

/** The gateway, compiled from gateway.json: defaults filled, relations checked, frozen. */
export interface GatewayConfig {
  readonly robot: string;
  /** network.fqdn, where the file names one. */
  readonly fqdn?: string;
  readonly bind: BindAddress;
  /** PEM texts. Absent: cleartext. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly cert: string; readonly key: string };
  readonly heartbeatWindowMs: number;
  readonly auth: AuthConfig;
  readonly leases: GatewayLeasesConfig;
  readonly parts: readonly GatewayPartConfig[];
  readonly webrtc: WebRtcConfig;
  /** A motion without an end of its own, of a client without a session, ends this long after its last message. */
  readonly implicitQuietLimitMs: number | "off";
  readonly stopGroup: "robot" | "part";
  readonly proxied: boolean;
  readonly allowUnauthenticated: boolean;
  /** Absent: /metrics is on the gateway's own port. */
  readonly metricsBind?: BindAddress;
  /** Ports of this machine that clients may tunnel to. */
  readonly tunnels: readonly { readonly port: number; readonly connectionTimeoutMs: number }[];
}

export interface GatewayPartConfig {
  readonly name: string;
  readonly secret: string;
  readonly prefix: string;
  readonly maxCommandAgeMs: number;
}

export interface WebRtcConfig {
  readonly udpPorts?: { readonly min: number; readonly max: number };
  readonly hostAddresses: readonly string[];
  readonly iceServers: readonly {
    readonly urls: readonly string[];
    readonly username?: string;
    readonly credential?: string;
  }[];
  /** False: the ports of silent clients are not probed. */
  readonly knock?: false;
}

const DEFAULT_BIND = "localhost:8080";
const DEFAULT_MAX_COMMAND_AGE_MS = 300;
const DEFAULT_QUIET_LIMIT_MS = 10_000;
const DEFAULT_TUNNEL_TIMEOUT_MS = 10_000;
const DEFAULT_ROBOT = "robot";

/** Reads the text of gateway.json. Never throws. */
export function loadGatewayConfig(text: string, context: ConfigContext): Loaded<GatewayConfig> {
  const { value, loading } = openFile(text, context, gatewayFileSchema);
  if (value === undefined) return { problems: loading.problems.all() };
  const fields = withNetwork(checkFields(gatewayOwnShape, value, loading.problems, []), value);
  const config = compileGateway(fields, compileParts(value.parts, loading), loading);
  const problems = loading.problems.all();
  return loading.problems.hasFatal() ? { problems } : { config: deepFreeze(config), problems };
}

/** Compiles the gateway's keys, which stand at the top level of gateway.json and of robot.json alike. */
export function compileGateway(
  fields: Fields<typeof gatewayOwnShape>,
  parts: readonly GatewayPartConfig[],
  loading: Loading,
): GatewayConfig {
  const { network } = fields;
  const tls = compileTls(network, loading);
  const bind = parseBindAddress(network?.bind_address ?? DEFAULT_BIND);
  const auth = compileAuth(fields.auth, loading, ["auth"]);
  const allowUnauthenticated = fields.allow_unauthenticated ?? false;
  if (!auth.required && !allowUnauthenticated && !isLoopback(bind.host)) {
    loading.problems.add(
      "fatal",
      ["network", "bind_address"],
      `${bind.host} can be reached by other machines, and nobody has to authenticate: add auth.handlers, ` +
        'bind to 127.0.0.1, or set "allow_unauthenticated": true if everyone may drive this robot',
    );
  }
  const quietLimit = fields.implicit?.quiet_limit;
  const windowPath = ["network", "sessions", "heartbeat_window"];
  return {
    robot: fields.robot ?? network?.fqdn ?? DEFAULT_ROBOT,
    ...(network?.fqdn !== undefined && { fqdn: network.fqdn }),
    bind,
    ...(tls !== undefined && { tls }),
    heartbeatWindowMs: compileWindowMs(network?.sessions?.heartbeat_window, loading.problems, windowPath),
    auth,
    leases: compileGatewayLeases(fields.leases, loading, ["leases"]),
    parts,
    webrtc: compileWebRtc(fields.webrtc, loading),
    implicitQuietLimitMs:
      quietLimit === "off" ? "off" : quietLimit === undefined ? DEFAULT_QUIET_LIMIT_MS : parseDurationMs(quietLimit),
    stopGroup: fields.stop_group ?? "robot",
    proxied: fields.proxied ?? false,
    allowUnauthenticated,
    ...(fields.metrics !== undefined && { metricsBind: parseBindAddress(fields.metrics.bind_address) }),
    tunnels: (network?.traffic_tunnel_endpoints ?? []).map((tunnel) => ({
      port: tunnel.port,
      connectionTimeoutMs:
        tunnel.connection_timeout === undefined
          ? DEFAULT_TUNNEL_TIMEOUT_MS
          : parseDurationMs(tunnel.connection_timeout),
    })),
  };
}

/** Where one key of `network` is wrong, the others are still looked at: their problems are to be seen at once. */
export function withNetwork<F extends Pick<Fields<typeof gatewayOwnShape>, "network">>(
  fields: F,
  value: Readonly<Record<string, unknown>>,
): F {
  if (fields.network !== undefined || !isObject(value.network)) return fields;
  return { ...fields, network: checkFields(networkShape, value.network, createProblemList(), []) };
}

type NetworkFile = Fields<typeof gatewayOwnShape>["network"];

function compileTls(network: NetworkFile, loading: Loading): GatewayConfig["tls"] {
  const certFile = network?.tls_cert_file || undefined;
  const keyFile = network?.tls_key_file || undefined;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? "tls_cert_file" : "tls_key_file";
    loading.problems.add(
      "fatal",
      ["network", missing],
      "is missing: give both tls_cert_file and tls_key_file, or neither",
    );
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined || network?.no_tls === true) return undefined;
  const cert = readNamedFile(certFile, loading, ["network", "tls_cert_file"]);
  const key = readNamedFile(keyFile, loading, ["network", "tls_key_file"]);
  return cert === undefined || key === undefined ? undefined : { certFile, keyFile, cert, key };
}

function compileParts(value: unknown, loading: Loading): GatewayPartConfig[] {
  const { problems } = loading;
  if (value !== undefined && !Array.isArray(value)) {
    problems.add("fatal", ["parts"], `must be a list of parts, but is ${typeName(value)}`);
    return [];
  }
  const list: unknown[] = value ?? [];
  if (list.length === 0) {
    problems.add("warning", ["parts"], 'the robot has no part: add { "name": "main", "secret": { "env": "NAME" } }');
  }
  const seen = new Map<string, number>();
  return list.map((entry, index) => {
    const path: Path = ["parts", index];
    if (!isObject(entry)) problems.add("fatal", path, `must be an object, but is ${typeName(entry)}`);
    const fields = checkFields(gatewayPartSchema.shape, isObject(entry) ? entry : {}, problems, path);
    const first = fields.name === undefined ? undefined : seen.get(fields.name);
    if (first !== undefined) {
      problems.add(
        "fatal",
        [...path, "name"],
        `"${fields.name}" is already that of parts[${first}]: use each name once`,
      );
    } else if (fields.name !== undefined) {
      seen.set(fields.name, index);
    }
    return {
      name: fields.name ?? "",
      secret: compilePartSecret(fields.secret, loading, [...path, "secret"]) ?? "",
      prefix: fields.prefix ?? "",
      maxCommandAgeMs: compileCommandAge(fields.max_command_age),
    };
  });
}

export function compileCommandAge(text: string | undefined): number {
  return text === undefined ? DEFAULT_MAX_COMMAND_AGE_MS : parseDurationMs(text);
}

function compileWebRtc(file: Fields<typeof gatewayShape>["webrtc"], loading: Loading): WebRtcConfig {
  const [min, max] = (file?.udp_ports ?? "").split("-").map(Number);
  return {
    ...(min !== undefined && max !== undefined && { udpPorts: { min, max } }),
    hostAddresses: [...(file?.host_addresses ?? [])],
    iceServers: (file?.ice_servers ?? []).map((server, index) => {
      const credential = resolveSecret(server.credential, loading, ["webrtc", "ice_servers", index, "credential"]);
      return {
        urls: typeof server.urls === "string" ? [server.urls] : [...server.urls],
        ...(server.username !== undefined && { username: server.username }),
        ...(credential !== undefined && { credential }),
      };
    }),
    ...(file?.knock === false && { knock: false }),
  };
}
