import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { type Random, VigilError } from "@vigil/shared";
import type { Log } from "./peer.js";

/**
 * One bound UDP port, in the shape that werift's STUN layer expects of its own transport. Ours, because werift's binds
 * every candidate to the wildcard address, has no listener for `error` (one unreachable address ends the process) and
 * loses a race for ports of a range in the same way.
 */
export interface UdpPort {
  readonly type: "udp";
  readonly closed: boolean;
  readonly address: { address: string; port: number; family: string };
  readonly addressFamily: 4 | 6;
  onData: (data: Buffer, from: [string, number]) => void;
  /** Never rejects: a datagram that cannot leave is a lost datagram. */
  send(data: Buffer, to: [string, number]): Promise<void>;
  close(): Promise<void>;
}

const DONE = Promise.resolve();

/** @throws VigilError `limit` if no port of the range is free, `internal` if the address is not of this machine. */
export async function bindUdpPort(
  { random, log }: { random: Random; log?: Log },
  { address, ports }: { address: string; ports?: { min: number; max: number } },
): Promise<UdpPort> {
  for (const port of ports ? shuffledRange(random, ports) : [0]) {
    try {
      return createUdpPort(await bind(address, port), log);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE" && ports) continue;
      throw new VigilError("internal", `cannot bind UDP ${address}:${port}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  throw new VigilError(
    "limit",
    `no free UDP port on ${address} in ${ports?.min}-${ports?.max}: widen webrtc.udp_ports or close connections`,
  );
}

/** Every port of the range once, from a random start: neighbours in time do not fight for the same port. */
function* shuffledRange(random: Random, { min, max }: { min: number; max: number }): Generator<number> {
  const count = max - min + 1;
  const start = Buffer.from(random.bytes(4)).readUInt32BE(0) % count;
  for (let i = 0; i < count; i++) yield min + ((start + i) % count);
}

async function bind(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4", lookup: itself });
  try {
    const listening = once(socket, "listening");
    socket.bind({ address, port, exclusive: true });
    await listening;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * Only addresses are sent to: Node would look each one up before every datagram, which costs a turn of its queue and more
 * than the way into the kernel.
 */
function itself(
  address: string,
  _options: unknown,
  found: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  found(null, address, isIPv6(address) ? 6 : 4);
}

function createUdpPort(socket: Socket, log?: Log): UdpPort {
  let closing: Promise<void> | undefined;
  const port: UdpPort = {
    type: "udp",
    get closed() {
      return closing !== undefined;
    },
    address: socket.address(),
    addressFamily: socket.address().family === "IPv6" ? 6 : 4,
    onData: () => {},
    send(data, [ip, portNumber]) {
      if (closing) return DONE;
      try {
        // Without a callback, which would cost a promise per datagram: what fails comes as `error` below.
        socket.send(data, portNumber, ip);
      } catch (error) {
        log?.debug({ ip, error: (error as Error).message }, "datagram not sendable");
      }
      return DONE;
    },
    close() {
      closing ??= new Promise((resolve) => socket.close(() => resolve()));
      return closing;
    },
  };
  socket.on("message", (data, from) => port.onData(data, [from.address, from.port]));
  socket.on("error", (error) => log?.debug({ error: error.message }, "UDP socket error"));
  return port;
}
