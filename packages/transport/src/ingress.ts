import type { DatagramFilter } from "./gathering.js";
import type { IceConnection } from "./werift-internals.js";
import type { Uses } from "./workarounds/names.js";
import { isAuthenticStun } from "./workarounds/stun-integrity.js";

/** RFC 7983: the first byte tells protocols on one port apart. */
const isStun = (first: number) => first < 4;
export const isDtls = (first: number) => first >= 20 && first < 64;

/**
 * What may come in through a peer's ports: STUN whose requests are signed, and DTLS from addresses that STUN has made
 * known. Anything else (media, junk) goes no further. None of it is a sign of life.
 */
export function createIngressFilter(
  connection: IceConnection,
  uses: Uses,
  isFormerPath: (ip: string, port: number) => boolean,
): DatagramFilter {
  return (data, [ip, port]) => {
    const first = data[0];
    if (first === undefined) return false;
    if (isStun(first)) return !uses("stun-integrity") || isAuthenticStun(connection, data);
    if (!isDtls(first)) return false;
    return (
      !uses("stun-integrity") ||
      connection.remoteCandidates.some((candidate) => candidate.host === ip && candidate.port === port) ||
      isFormerPath(ip, port)
    );
  };
}
