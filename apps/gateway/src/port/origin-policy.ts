import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { PREFLIGHT_MAX_AGE_SECONDS } from "./limits.js";

export interface OriginPolicyOptions {
  /** Calls need a token: then any origin may try, and CORS answers `*`, never with credentials. */
  readonly authenticated: boolean;
  /** Origins that may call without authentication, as browsers write them: "https://panel.example:8443". */
  readonly allowedOrigins: readonly string[];
  /** Host names by which this gateway is known (robot, FQDN), with or without port. Its addresses need no entry. */
  readonly allowedHosts: readonly string[];
}

/** What the policy looks at: the head of a request of either HTTP version. */
export interface RequestHead {
  readonly headers: IncomingHttpHeaders;
  /** The address at which the request arrived. */
  readonly localAddress: string;
}

export type Verdict =
  | { readonly allowed: true; readonly cors: Readonly<Record<string, string>> }
  | { readonly allowed: false; readonly message: string };

/**
 * Who may talk to this port. Without authentication a web page from elsewhere must not drive a robot on localhost, be
 * it directly (Origin) or by DNS rebinding (Host): only loopback, own and listed origins are answered (contract.md,
 * "Decided"). Requests without Origin come from programs, which need no protection from themselves.
 */
export interface OriginPolicy {
  /** Decides on one request: gRPC-web, REST, pages and WebSocket upgrades alike. */
  check(request: RequestHead): Verdict;
  /** The header fields of the answer to an allowed CORS preflight. */
  preflight(request: RequestHead, cors: Readonly<Record<string, string>>): Record<string, string>;
}

/** Answers of calls that a page's script may read; calls add the names of their own metadata. */
export const EXPOSED_FIELDS = "grpc-status, grpc-message, grpc-status-details-bin";

export function createOriginPolicy(options: OriginPolicyOptions): OriginPolicy {
  const origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, "")));
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));

  const hostAllowed = (host: string, localAddress: string): boolean => {
    const name = hostName(host);
    return isLoopbackName(name) || name === plainAddress(localAddress) || hosts.has(name) || hosts.has(host);
  };

  const originAllowed = (origin: string, host: string): boolean => {
    if (origins.has(origin)) return true;
    const authority = /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
    if (authority === undefined) return false;
    return authority === host || isLoopbackName(hostName(authority));
  };

  return {
    check({ headers, localAddress }) {
      const origin = headers.origin?.toLowerCase();
      if (options.authenticated) return { allowed: true, cors: origin === undefined ? {} : corsFields("*") };
      const host = (authorityOf(headers) ?? "").toLowerCase();
      if (!hostAllowed(host, localAddress)) return { allowed: false, message: refusedHost(host) };
      if (origin === undefined) {
        const embedded = headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate";
        return embedded ? { allowed: false, message: refusedOrigin("(none sent)") } : { allowed: true, cors: {} };
      }
      if (!originAllowed(origin, host)) return { allowed: false, message: refusedOrigin(origin) };
      return { allowed: true, cors: { ...corsFields(headers.origin!), vary: "Origin" } };
    },
    preflight({ headers }, cors) {
      const fields: Record<string, string> = {
        ...cors,
        "access-control-allow-methods": String(headers["access-control-request-method"]),
        "access-control-max-age": String(PREFLIGHT_MAX_AGE_SECONDS),
        vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      };
      const asked = headers["access-control-request-headers"];
      if (asked !== undefined) fields["access-control-allow-headers"] = asked;
      if (headers["access-control-request-private-network"] === "true") {
        fields["access-control-allow-private-network"] = "true";
      }
      return fields;
    },
  };
}

/** The authority that the client dialled: `:authority` of HTTP/2 or the Host field. */
export function authorityOf(headers: IncomingHttpHeaders): string | undefined {
  const authority = headers[":authority"];
  return typeof authority === "string" ? authority : headers.host;
}

/** Whether a request is a CORS preflight, which no route needs to know about. */
export function isPreflight(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  return method === "OPTIONS" && headers.origin !== undefined && headers["access-control-request-method"] !== undefined;
}

function corsFields(origin: string): Record<string, string> {
  return { "access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED_FIELDS };
}

/** The name in "name", "name:port", "[v6]" or "[v6]:port". */
function hostName(authority: string): string {
  return /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/.exec(authority)?.[1] ?? authority.replace(/:\d{1,5}$/, "");
}

function isLoopbackName(name: string): boolean {
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (isIP(name) === 4) return name.startsWith("127.");
  return isIP(name) === 6 && plainAddress(name) === "::1";
}

/** An address as a Host field has it: no zone, IPv4 in its own form, IPv6 as short as URLs write it. */
function plainAddress(address: string): string {
  const plain = address
    .toLowerCase()
    .replace(/%.*$/, "")
    .replace(/^::ffff:(?=\d+\.)/, "");
  return isIP(plain) === 6 ? new URL(`http://[${plain}]`).hostname.slice(1, -1) : plain;
}

function refusedHost(host: string): string {
  return (
    `This gateway runs without authentication and does not answer to the host name "${ascii(host)}". ` +
    `Dial it by its address or as localhost, add the name to the allowed hosts, or configure auth.handlers.\n`
  );
}

function refusedOrigin(origin: string): string {
  return (
    `This gateway runs without authentication and does not answer pages of the origin "${ascii(origin)}". ` +
    `Open the page from this machine, add its origin to the allowed origins, or configure auth.handlers.\n`
  );
}

function ascii(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, "?");
}
