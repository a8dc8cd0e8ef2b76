import { isIPv4, isIPv6 } from "node:net";
import { Candidate, candidateFoundation, candidatePriority, StunProtocol, serverReflexiveCandidate } from "werift";
import { defaultHostAddresses } from "./host-addresses.js";
import { isDtls } from "./ingress.js";
import type { PeerOptions, TransportDeps } from "./peer.js";
import { bindUdpPort, type UdpPort } from "./udp-port.js";
import type { HostProtocol, IceConnection } from "./werift-internals.js";

/** What may enter a port, decided before werift looks at it. */
export type DatagramFilter = (data: Buffer, from: [string, number]) => boolean;

/**
 * Replaces how werift gathers host candidates: one socket per host address, bound to that very address, with our own
 * error handling and an ingress filter. Servers are asked only if some are configured.
 *
 * @param takeRecords gets DTLS datagrams that were admitted; false: it is too early for it, werift's own way leads on.
 */
export function gatherOnHostAddresses(
  { random, log }: TransportDeps,
  { hostAddresses, udpPorts }: PeerOptions,
  connection: IceConnection,
  admit: DatagramFilter,
  takeRecords: (datagram: Buffer) => boolean,
): void {
  const gatherFromServers = connection.getCandidatePromises.bind(connection);

  const bind = (address: string) =>
    bindUdpPort({ random, ...(log && { log }) }, { address, ...(udpPorts && { ports: udpPorts }) });

  const gatherHost = async (address: string, binding: Promise<UdpPort>): Promise<HostProtocol | undefined> => {
    const protocol = new StunProtocol();
    const host = protocol as unknown as HostProtocol;
    try {
      const port = await binding;
      if (connection.state === "closed") {
        await port.close();
        return undefined;
      }
      connection.ensureProtocol(host);
      port.onData = (data, from) => {
        if (!admit(data, from)) return;
        if (isDtls(data[0]!) && takeRecords(data)) return;
        host.datagramReceived(data, from);
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

  /** All ports are bound at once; their candidates stand in the order of the addresses. */
  const gatherHosts = (addresses: readonly string[]): Promise<HostProtocol | undefined>[] => {
    let before: Promise<unknown> = Promise.resolve();
    return addresses.map((address) => {
      const binding = bind(address);
      // Whoever comes first is awaited first; an early failure of another one is its own affair.
      binding.catch(() => undefined);
      const host = before.then(() => gatherHost(address, binding));
      before = host;
      return host;
    });
  };

  connection.getCandidatePromises = (_addresses, timeoutSeconds) => {
    const bound = new Set(connection.protocols.map((protocol) => protocol.localIp));
    const wanted = inOrderOfChecks(hostAddresses ?? defaultHostAddresses());
    const hosts = gatherHosts(wanted.filter((address) => !bound.has(address)));
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

/**
 * IPv6 first: to both ends it is the better path (RFC 8421). The client checks one path every 50 ms, in the order of our
 * candidates, and libjuice takes none before it has checked the better ones.
 */
const inOrderOfChecks = (addresses: readonly string[]): string[] => [
  ...addresses.filter(isIPv6),
  ...addresses.filter((address) => !isIPv6(address)),
];

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
