import { z } from "zod";
import { bindAddress, duration, MAX_MODULE_NAME_CHARS, name, secretSchema, url } from "./schema-common.js";
import { safetySchema } from "./schema-safety.js";

const text = z.string({ error: "must be a string" });
const apiError = {
  error: 'must be "namespace:component:subtype" or "namespace:service:subtype", as in "rdk:component:motor"',
};
const modelError = { error: 'must be "namespace:family:name" or one word, such as "fake"' };
const list = { error: "must be a list" };
const pointSchema = z.object({ x: z.number().optional(), y: z.number().optional(), z: z.number().optional() });

const frameSchema = z
  .object({
    id: text.optional(),
    parent: text.optional().describe("Name of the frame it is fixed to. Default world."),
    translation: pointSchema.optional().describe("mm."),
    orientation: z
      .object({
        type: z.enum(["ov_degrees", "ov_radians", "euler_angles", "axis_angles", "quaternion"]).optional(),
        value: z.record(z.string(), z.number()).optional(),
      })
      .optional(),
    geometry: z.record(z.string(), z.unknown()).optional(),
  })
  .describe("Place of this resource in the frame system.");
export type FrameFile = z.output<typeof frameSchema>;

/** The keys of a component or a service. Each is checked by itself, so that one bad key hides no other. */
export const resourceShape = {
  name: name("Known to clients by this name.").optional(),
  api: z
    .union(
      [
        z.string().regex(/^[\w-]+:(component|service):[\w-]+$/, apiError),
        z.object({ namespace: z.string(), type: z.enum(["component", "service"]), subtype: z.string() }),
      ],
      apiError,
    )
    .optional()
    .describe('Such as "rdk:component:motor".'),
  type: text.optional().describe("Old form of api: the subtype alone."),
  namespace: text.optional().describe("Old form of api: default rdk."),
  model: z
    .union(
      [
        z.string().regex(/^(?:[\w-]+|[\w-]+:[\w-]+:[\w-]+)$/, modelError),
        z.object({ namespace: z.string().optional(), model_family: z.string().optional(), name: z.string() }),
      ],
      modelError,
    )
    .optional()
    .describe('Triplet "namespace:family:name"; one word is a built-in model.'),
  frame: frameSchema.optional(),
  depends_on: z.array(text, list).optional().describe("Names of resources that are built before this one."),
  log_configuration: z.object({ level: text.optional() }).optional(),
  service_configs: z
    .array(
      z.object({
        type: text.optional(),
        namespace: text.optional(),
        attributes: z.record(z.string(), z.unknown()).optional(),
        additional_params: z.record(z.string(), z.unknown()).optional(),
      }),
      list,
    )
    .optional(),
  attributes: z.record(z.string(), z.unknown(), { error: "must be an object" }).optional(),
  safety: safetySchema.optional(),
};
const resourceSchema = z.object(resourceShape);

export const moduleShape = {
  name: name("Name of the module; parent is reserved.", MAX_MODULE_NAME_CHARS),
  executable_path: text.min(1, { error: "must be the absolute path of the module's program" }),
  type: z.enum(["local", "registry"]).optional(),
  module_id: text.optional(),
  log_level: text.optional(),
  env: z.record(z.string(), z.string(), { error: "must be an object of strings" }).optional(),
  tcp_mode: z.boolean({ error: "must be true or false" }).optional(),
  first_run_timeout: duration("How long its first-run script may take. Default 1h.").optional(),
  status: z.unknown().optional(),
};

export const remoteShape = {
  name: name("Name of the remote robot."),
  address: text.min(1, { error: 'must be the address of the robot, "host:port"' }),
  prefix: text.optional(),
  insecure: z.boolean({ error: "must be true or false" }).optional(),
  secret: secretSchema.optional(),
  auth: z
    .object({
      entity: text.optional(),
      credentials: z.object({ type: text, payload: secretSchema }).optional(),
    })
    .optional(),
  frame: frameSchema.optional(),
  connection_check_interval: duration("How often the connection is checked. Default 10s.").optional(),
  reconnect_interval: duration("How often a lost connection is tried again. Default 1s.").optional(),
  service_configs: z.array(z.unknown(), list).optional(),
};

const sessionsSchema = z.object({
  heartbeat_window: duration(
    "A session lapses when nothing was heard of its client for this long. Default 2s; under 250ms with a warning.",
    "30ms",
    "1m",
  ).optional(),
});

/** Viam's `network`; a part reads only `sessions` of it, the gateway the rest. */
export const networkShape = {
  fqdn: text.optional().describe("Full name of the robot."),
  bind_address: bindAddress('Where the gateway listens. Default "localhost:8080".').optional(),
  tls_cert_file: text.optional(),
  tls_key_file: text.optional(),
  no_tls: z.boolean({ error: "must be true or false" }).optional(),
  sessions: sessionsSchema.optional(),
  traffic_tunnel_endpoints: z
    .array(
      z.object({
        port: z.int({ error: "must be a port" }).min(1).max(65_535),
        connection_timeout: duration("How long dialling the port may take. Default 10s.").optional(),
      }),
      list,
    )
    .optional(),
};
export const networkSchema = z.object(networkShape);

const redisLeases = z.object({
  store: z.literal("redis"),
  url: z
    .union(
      [
        url("", ["redis:", "rediss:"], "redis://127.0.0.1:6379/0"),
        z.object({ env: z.string() }),
        z.object({ file: z.string() }),
      ],
      {
        error: 'must be a URL, such as "redis://127.0.0.1:6379/0", or { "env": "NAME" }, or { "file": "PATH" }',
      },
    )
    .describe("redis:// or rediss:// URL; may hold a password, so it may be given as a secret is."),
  prefix: text.optional().describe('Put in front of every key. Default "vigil:".'),
});
export const partLeasesSchema = z
  .discriminatedUnion("store", [z.object({ store: z.literal("gateway") }), redisLeases], {
    error: 'must be { "store": "gateway" } or { "store": "redis", "url": "redis://..." }',
  })
  .describe("Where this part asks how long a session still lives. Default: the gateway.");
export const gatewayLeasesSchema = z
  .discriminatedUnion("store", [z.object({ store: z.literal("memory") }), redisLeases], {
    error: 'must be { "store": "memory" } or { "store": "redis", "url": "redis://..." }',
  })
  .describe("Where sessions live. Default: in the gateway's memory.");

const metricsSchema = z
  .object({ bind_address: bindAddress("Where /metrics, /healthz and /readyz are served.") })
  .describe("A listener for metrics alone.");

const any = (description: string) => z.unknown().optional().describe(description);

/** What Viam's machine config knows. `resource` and the like differ between checking and publishing. */
function machineShape<R extends z.ZodType, M extends z.ZodType, T extends z.ZodType>(
  resource: R,
  module: M,
  remote: T,
) {
  return {
    components: z.array(resource, list).optional(),
    services: z.array(resource, list).optional(),
    remotes: z.array(remote, list).optional(),
    modules: z.array(module, list).optional(),
    cloud: any("Viam's cloud: not used."),
    packages: any("Viam's packages: not used."),
    log: any("Levels of loggers by pattern: not used."),
    debug: z.boolean({ error: "must be true or false" }).optional().describe("Log at level debug."),
    jobs: any("Viam's jobs: not used."),
    maintenance: any("Viam's maintenance sensor: not used."),
    tracing: any("Viam's tracing: not used."),
    processes: any("Not used; Viam ignores it too."),
    revision: any("Revision of a configuration out of Viam's cloud: not used."),
    enable_web_profile: any("Not used."),
    disable_log_deduplication: any("Not used."),
  };
}

/** For checking: each entry of a list is checked by itself later, since one bad resource leaves the rest running. */
export const machineCheckShape = machineShape(z.unknown(), z.unknown(), z.unknown());
/** For publishing and for finding unknown keys: the whole. */
export const machineFullShape = machineShape(resourceSchema, z.object(moduleShape), z.object(remoteShape));

export const partKeySchema = z.object({
  name: name("Name of this part, as the gateway knows it."),
  gateway: url("Address of the gateway.", ["ws:", "wss:"], "ws://127.0.0.1:8080"),
  secret: secretSchema,
  tls_verify: z
    .boolean({ error: "must be true or false" })
    .optional()
    .describe(
      "False: a wss gateway's certificate is not checked; part and gateway prove the secret to each other anyway. Default true.",
    ),
  carrier: z
    .enum(["webrtc", "websocket"], { error: 'must be "webrtc" or "websocket"' })
    .optional()
    .describe(
      "What carries the calls of the link. Default: a WebSocket to a gateway on the same machine, else a WebRTC data channel, and a WebSocket where that does not open.",
    ),
});

/** Vigil's own keys of part.json, less `part`: what `parts.NAME` of robot.json may hold as well. */
export const partOwnShape = {
  network: networkSchema.optional(),
  auth: any("Belongs to the gateway: not used by a part."),
  leases: partLeasesSchema.optional(),
  metrics: metricsSchema.optional(),
  state_directory: text
    .min(1, { error: "must be the path of a folder" })
    .optional()
    .describe(
      "Folder in which the part remembers what waits to be re-armed. Default: $STATE_DIRECTORY (systemd), else .vigil beside this file.",
    ),
};
