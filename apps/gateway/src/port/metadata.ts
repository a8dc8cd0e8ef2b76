import type { Metadata, Status } from "@vigil/protocol";

/**
 * Header fields that belong to the hop, the browser or gRPC's own framing: they never become metadata, so that a relay
 * cannot forward them to a part. Cookies are among them: no call is authorised by one.
 */
const HOP_FIELDS = new Set([
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "alt-svc",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "date",
  "dnt",
  "expect",
  "forwarded",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-message-type",
  "grpc-status",
  "grpc-status-details-bin",
  "grpc-timeout",
  "host",
  "http2-settings",
  "keep-alive",
  "origin",
  "pragma",
  "priority",
  "proxy-authorization",
  "proxy-connection",
  "referer",
  "server",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "upgrade-insecure-requests",
  "vary",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-grpc-web",
]);

/** Families of such fields: browsers add to `sec-`, and CORS is settled before a call begins. */
const HOP_PREFIX = /^(?:sec-|access-control-)/;

/** Names and values that may stand in a header by gRPC's grammar; all else is dropped rather than sent broken. */
const FIELD_NAME = /^[0-9a-z_.-]+$/;
const FIELD_VALUE = /^[\x20-\x7e]*$/;

/** Call metadata from the raw header list `[name, value, name, value, ...]` of either HTTP version. */
export function readMetadata(rawHeaders: readonly string[]): Metadata {
  const metadata = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (name.startsWith(":") || HOP_FIELDS.has(name) || HOP_PREFIX.test(name)) continue;
    const value = rawHeaders[at + 1]!;
    // gRPC lets binary values be joined by commas, which base64 does not contain; text values must stay whole.
    const values = name.endsWith("-bin") && value.includes(",") ? value.split(",").map((each) => each.trim()) : [value];
    const known = metadata.get(name);
    if (known) known.push(...values);
    else metadata.set(name, values);
  }
  return metadata;
}

/** The fields of response metadata that may be sent: `[name, values]`, without hop fields and illegal text. */
export function sendableFields(metadata: Metadata): [string, string[]][] {
  const fields: [string, string[]][] = [];
  for (const [name, values] of metadata) {
    if (!FIELD_NAME.test(name) || HOP_FIELDS.has(name) || HOP_PREFIX.test(name)) continue;
    const sendable = values.filter((value) => FIELD_VALUE.test(value));
    if (sendable.length > 0) fields.push([name, sendable]);
  }
  return fields;
}

/** The fields that end a call: grpc-status, and grpc-message and grpc-status-details-bin where there is such. */
export function statusFields(status: Status): [string, string][] {
  const fields: [string, string][] = [["grpc-status", String(status.code)]];
  if (status.message !== "") fields.push(["grpc-message", percentEncode(status.message)]);
  if (status.details && status.details.length > 0) {
    fields.push(["grpc-status-details-bin", Buffer.from(status.details).toString("base64").replace(/=+$/, "")]);
  }
  return fields;
}

/** gRPC's encoding of a message: UTF-8, with every byte outside of printable ASCII, and `%`, as %XX. */
export function percentEncode(text: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
