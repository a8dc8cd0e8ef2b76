import { VigilError } from "@vigil/shared";

/** Which part a dialled host means; undefined for the robot as a whole. */
export interface AcceptedHosts {
  /**
   * @param dialled what the client dialled: the robot, "part.robot", the FQDN, localhost or the listener's own
   * address, each with or without a port.
   * @throws VigilError "bad_request" "host not preconfigured": Go and Rust take this exact text for "dial directly".
   */
  accept(dialled: string | undefined, localAddress: string): { readonly part: string | undefined };
}

export function createAcceptedHosts(robot: string, fqdn: string | undefined, parts: readonly string[]): AcceptedHosts {
  const robots = new Set([robot, fqdn ?? robot, "localhost", "127.0.0.1", "[::1]", "::1"]);
  const ofParts = new Map(
    parts.flatMap((part) => [...new Set([robot, fqdn ?? robot])].map((name) => [`${part}.${name}`, part])),
  );
  return {
    accept(dialled, localAddress) {
      if (dialled === undefined) throw new VigilError("driver", "expected rpc-host to be set in metadata");
      const host = dialled.replace(/:\d+$/, "");
      const local = localAddress.replace(/:\d+$/, "").replace(/^::ffff:/, "");
      if (robots.has(host) || robots.has(dialled) || host === local) return { part: undefined };
      const part = ofParts.get(host) ?? ofParts.get(dialled);
      if (part === undefined) throw new VigilError("bad_request", "host not preconfigured");
      return { part };
    },
  };
}
