import { z } from "zod";
import { bindAddress, duration, durationOrOff, name, prefixSchema, secretSchema } from "./schema-common.js";
import {
  gatewayLeasesSchema,
  machineCheckShape,
  machineFullShape,
  networkSchema,
  partKeySchema,
  partOwnShape,
} from "./schema-part.js";

const flag = z.boolean({ error: "must be true or false" });
const text = z.string({ error: "must be a string" });

const maxCommandAge = duration(
  "A part refuses a command that is older than this by its own clock. Default 300ms.",
  "10ms",
  "1m",
);

export const gatewayPartSchema = z.object({
  name: name("Name of the part; part-agents say it when they link."),
  secret: secretSchema,
  prefix: prefixSchema.optional(),
  max_command_age: maxCommandAge.optional(),
});

const apiKeyConfig = z
  .record(z.string(), z.unknown(), { error: "must be an object of key ids and keys" })
  .describe('"<key id>": "<key>" for each key, and "keys": [ "<key id>", ... ].');

export const authSchema = z.object({
  handlers: z
    .array(
      z.object({
        type: z.literal("api-key", { error: 'must be "api-key": the only type that a file may hold' }),
        config: apiKeyConfig,
      }),
      { error: "must be a list of handlers" },
    )
    .optional()
    .describe("Who may come in. None: everybody, on loopback only."),
  tls_auth_entities: z.array(text, { error: "must be a list" }).optional(),
  external_auth_config: z
    .object({
      jwks: z.object({
        keys: z
          .array(
            z.looseObject({
              kty: z.literal("RSA", { error: 'must be "RSA": other keys are not taken' }),
              alg: z.enum(["RS256", "RS384", "RS512"]),
              kid: text.min(1),
              n: text.min(1),
              e: text.min(1),
            }),
            { error: "must be a list of RSA keys" },
          )
          .min(1, { error: "must hold at least one RSA key" }),
      }),
    })
    .optional()
    .describe('Accepts tokens of rpc_creds_type "external" that these keys signed.'),
});

const iceServerSchema = z.object({
  urls: z.union([text, z.array(text)], { error: "must be a URL or a list of URLs" }),
  username: text.optional(),
  credential: secretSchema.optional(),
});

/** Vigil's own keys of the gateway; robot.json holds them at its top level. */
export const gatewayOwnShape = {
  robot: text
    .regex(/^[a-zA-Z0-9][-.\w]{0,199}$/, {
      error: "must start with a letter or digit and hold only letters, digits, - _ and .",
    })
    .optional()
    .describe("Name of the robot. Default: network.fqdn."),
  network: networkSchema.optional(),
  auth: authSchema.optional(),
  leases: gatewayLeasesSchema.optional(),
  webrtc: z
    .object({
      udp_ports: text
        .regex(/^\d{1,5}-\d{1,5}$/, { error: 'must be a range of ports, such as "20000-20999"' })
        .refine(isPortRange, { error: "must go from a lower to a higher port between 1024 and 65535" })
        .optional()
        .describe('UDP ports of WebRTC connections, as in "20000-20999".'),
      host_addresses: z.array(text).optional().describe("Addresses of this machine that clients are told."),
      ice_servers: z.array(iceServerSchema).optional().describe("STUN and TURN servers."),
      knock: flag
        .optional()
        .describe("false: a silent client's port is not probed; only the heartbeat window tells that it is gone."),
    })
    .optional(),
  implicit: z
    .object({
      quiet_limit: durationOrOff(
        "For clients that never open a session: a motion without an end of its own ends this long after their last message. Default 10s.",
        "100ms",
        "1h",
      ).optional(),
    })
    .optional()
    .describe("Clients that never open a session."),
  stop_group: z
    .enum(["robot", "part"])
    .optional()
    .describe(
      "When a part suspends a session: what it moves on the other parts stops as well (robot, default), or not.",
    ),
  proxied: flag.optional().describe("A proxy stands in front: no client's transport counts as a sign of its life."),
  allow_unauthenticated: flag.optional().describe("Serve other machines without authentication."),
  metrics: z
    .object({ bind_address: bindAddress("Where /metrics is served, instead of on the gateway's port.") })
    .optional(),
};

export const gatewayShape = {
  ...gatewayOwnShape,
  parts: z.array(gatewayPartSchema, { error: "must be a list of parts" }).optional(),
};

/** `parts.NAME` of robot.json. */
export const robotPartExtraShape = {
  ...partOwnShape,
  prefix: prefixSchema.optional(),
  max_command_age: maxCommandAge.optional(),
};

export const robotCheckShape = {
  ...machineCheckShape,
  ...gatewayOwnShape,
  parts: z.record(z.string(), z.unknown(), { error: "must be an object: part names and what they hold" }).optional(),
};

const described = (schema: z.ZodObject, title: string, description: string) => schema.meta({ title, description });

/** The three files as a whole, for publishing and for finding unknown keys. */
export const gatewayFileSchema = described(z.object(gatewayShape), "gateway.json", "A Vigil gateway.");
export const partFileSchema = described(
  z.object({ part: partKeySchema, ...machineFullShape, ...partOwnShape }),
  "part.json",
  "One part of a robot: a Viam machine config plus part, leases and metrics.",
);
export const robotFileSchema = described(
  z.object({
    ...machineFullShape,
    ...gatewayOwnShape,
    parts: z
      .record(z.string(), z.object({ ...machineFullShape, ...robotPartExtraShape }))
      .optional()
      .describe("Further parts by name, beside main, which is this file."),
  }),
  "robot.json",
  "A whole robot on one machine: a Viam machine config for the part main, plus Vigil's keys.",
);

function isPortRange(range: string): boolean {
  const [low, high] = range.split("-").map(Number) as [number, number];
  return low >= 1024 && high <= 65_535 && low <= high;
}
