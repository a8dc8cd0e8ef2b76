import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { SessionDescription } from "../peer.js";

/** What happens to one datagram: `false` drops it. */
export type Policy = (datagram: Buffer) => boolean;

/** A hostile or lossy network between one client and one answerer on loopback. */
export interface Forwarder {
  /** Points the candidates of an answer at the forwarder. */
  rewrite(answer: SessionDescription): SessionDescription;
  toServer: Policy;
  toClient: Policy;
  /** Everything that the client sent, in order. */
  readonly captured: Buffer[];
  /** Sends to the server from the address that it knows as the client's. */
  injectToServer(datagram: Buffer): void;
  /** Sends to the client from the address that it knows as the server's. */
  injectToClient(datagram: Buffer): void;
  readonly serverPort: number;
  close(): void;
}

export async function createForwarder(): Promise<Forwarder> {
  const clientSide = await bound();
  const serverSide = await bound();
  let serverPort = 0;
  let clientPort = 0;
  const forwarder: Forwarder = {
    rewrite({ type, sdp }) {
      const rewritten = sdp.replace(/^(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 )(\d+)/gim, (_line, head, port) => {
        serverPort = Number(port);
        return `${head}${clientSide.address().port}`;
      });
      return { type, sdp: rewritten };
    },
    toServer: () => true,
    toClient: () => true,
    captured: [],
    injectToServer: (datagram) => serverSide.send(datagram, serverPort, "127.0.0.1"),
    injectToClient: (datagram) => clientSide.send(datagram, clientPort, "127.0.0.1"),
    get serverPort() {
      return serverPort;
    },
    close() {
      clientSide.close();
      serverSide.close();
    },
  };
  clientSide.on("message", (datagram, from) => {
    clientPort = from.port;
    forwarder.captured.push(datagram);
    if (forwarder.toServer(datagram)) forwarder.injectToServer(datagram);
  });
  serverSide.on("message", (datagram) => {
    if (clientPort !== 0 && forwarder.toClient(datagram)) forwarder.injectToClient(datagram);
  });
  return forwarder;
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** The same offer without candidates: the server learns the client's address from its checks, so from the forwarder. */
export function withoutCandidates({ type, sdp }: SessionDescription): SessionDescription {
  return { type, sdp: sdp.replace(/^a=candidate:.*\r?\n/gm, "") };
}

export const isDtlsDatagram = (datagram: Buffer) => datagram[0]! >= 20 && datagram[0]! < 64;
export const isApplicationRecord = (datagram: Buffer) => datagram[0] === 23;
