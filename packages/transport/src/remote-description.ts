import { isIP } from "node:net";

/**
 * More candidates than any client has; each may cost five STUN requests to an address that the client chose, so this
 * also bounds what a client can make us send to strangers.
 */
const MAX_REMOTE_CANDIDATES = 32;

/** What this process can use: UDP, an IP literal, a real port. `.local` names would need multicast DNS look-ups. */
export function isUsableCandidate(line: string): boolean {
  const [, component, transport, , address, port, typ, type] = line.replace(/^(a=)?candidate:/, "").split(" ");
  const portNumber = Number(port);
  return (
    component === "1" &&
    transport?.toLowerCase() === "udp" &&
    isIP(address ?? "") !== 0 &&
    Number.isInteger(portNumber) &&
    portNumber > 0 &&
    portNumber < 65_536 &&
    typ === "typ" &&
    ["host", "srflx", "relay"].includes(type ?? "")
  );
}

/**
 * The other side's SDP without what would hurt: unusable candidates, and `end-of-candidates`, after which werift gives
 * up at once if none of the listed pairs answers, although the client's own checks are still to come.
 */
export function sanitizeRemoteSdp(sdp: string): string {
  let candidates = 0;
  return sdp
    .split(/\r?\n/)
    .filter((line) => {
      if (line.startsWith("a=end-of-candidates")) return false;
      if (!line.startsWith("a=candidate:")) return true;
      return isUsableCandidate(line) && ++candidates <= MAX_REMOTE_CANDIDATES;
    })
    .join("\r\n");
}
