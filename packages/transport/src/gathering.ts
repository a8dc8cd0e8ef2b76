import { isIPv4 } from "node:net";
import { Candidate, candidateFoundation, candidatePriority, StunProtocol, serverReflexiveCandidate } from "werift";
import { defaultHostAddresses } from "./host-addresses.js";
import type { PeerOptions, TransportDeps } from "./peer.js";
import { bindUdpPort } from "./udp-port.js";
import type { HostProtocol, IceConnection } from "./werift-internals.js";

/** What may enter a port, decided before werift looks at it. */
export type DatagramFilter = (data: Buffer, from: [string, number]) => boolean;

/**
 * Replaces how werift gathers host candidates: one socket per host address, bound to that very address, with our own
 * error handling and an ingress filter. Servers are asked only if some are configured.
 */
export function gatherOnHostAddresses(
  { random, log }: TransportDeps,
  { hostAddresses, udpPorts }: PeerOptions,
  connection: IceConnection,
  admit: DatagramFilter,
): void {
  const gatherFromServers = connection.getCandidatePromises.bind(connection);

  const gatherHost = async (address: string): Promise<HostProtocol | undefined> => {
    const protocol = new StunProtocol();
    const host = protocol as unknown as HostProtocol;
    try {
      const port = await bindUdpPort(
        { random, ...(log && { log }) },
        { address, ...(udpPorts && { ports: udpPorts }) },
      );
      if (connection.state === "closed") {
        await port.close();
        return undefined;
      }
      connection.ensureProtocol(host);
      port.onData = (data, from) => {
        if (admit(data, from)) host.datagramReceived(data, from);
      };
      host.transport = port;
      host.localIp = address;
      host.localCandidate = hostCandidate(connection, address, port.address.port);
      connection.protocols.push(host);
      connection.pairLocalProtocol(host);
      connection.appendLocalCandidate(host.localCandidate);
      return host;
    } catch (error) {
      log?.warn({ address, error: (error as Error).message }, "no candidate from this address");
      return undefined;
    }
  };

  connection.getCandidatePromises = (_addresses, timeoutSeconds) => {
    const bound = new Set(connection.protocols.map((protocol) => protocol.localIp));
    const hosts = (hostAddresses ?? defaultHostAddresses())
      .filter((address) => !bound.has(address))
      .map((address) => gatherHost(address));
    const { stunServer } = connection;
    const reflexive = stunServer
      ? hosts.map(async (host) => {
          const protocol = await host;
          if (!protocol?.localIp || !isIPv4(protocol.localIp)) return undefined;
          const candidate = await serverReflexiveCandidate(protocol as unknown as StunProtocol, stunServer);
          if (candidate) connection.appendLocalCandidate(candidate);
          return candidate;
        })
      : [];
    const plain = hosts.map(async (host) => (await host)?.localCandidate);
    // With no address to bind, werift's own code asks TURN servers only.
    return [...plain, ...reflexive, ...gatherFromServers([], timeoutSeconds)];
  };
}

function hostCandidate(connection: IceConnection, address: string, port: number): Candidate {
  return new Candidate(
    candidateFoundation("host", "udp", address),
    1,
    "udp",
    candidatePriority("host", { transport: "udp" }),
    address,
    port,
    "host",
    undefined,
    undefined,
    undefined,
    connection.generation,
    connection.localUsername,
  );
}
