import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/** Offered always, so that a browser or a part on the same machine connects even when no other interface exists. */
const LOOPBACK = "127.0.0.1";

/**
 * The local addresses to bind to and to offer: every one of this machine that is neither internal nor link-local
 * (link-local IPv6 needs a zone, which SDP cannot carry), then loopback. Read anew at each call: interfaces come and go.
 */
export function defaultHostAddresses(): string[] {
  const addresses: string[] = [];
  for (const entries of Object.values(networkInterfaces())) {
    for (const { address, internal } of entries ?? []) {
      if (!internal && !isLinkLocal(address)) addresses.push(address);
    }
  }
  return [...new Set([...addresses, LOOPBACK])];
}

function isLinkLocal(address: string): boolean {
  return isIPv6(address) ? /^fe[89ab]/i.test(address) : address.startsWith("169.254.");
}

/** "ip:port", with brackets around IPv6. */
export function formatAddress(ip: string, port: number): string {
  return isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;
}
