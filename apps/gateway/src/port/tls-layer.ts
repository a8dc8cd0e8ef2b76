import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { FIRST_BYTES_TIMEOUT_MS } from "./limits.js";

/** PEM texts. */
export interface TlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** Does TLS handshakes on accepted sockets. */
export interface TlsLayer {
  /** `secured` runs when the handshake is done; a socket whose handshake fails is destroyed. */
  secure(raw: Socket, secured: (socket: TLSSocket) => void): void;
}

/**
 * Node tells a TLS server's handshakes apart only by their addresses: a TLSSocket made by hand never counts as
 * connected in HTTP/2's eyes (Node 20), and a server does not say which raw socket a secure one stands on.
 */
export function createTlsLayer(options: TlsOptions, onFailure: (error: Error) => void): TlsLayer {
  const waiting = new Map<string, (socket: TLSSocket) => void>();
  const server = createServer({
    cert: options.cert,
    key: options.key,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: FIRST_BYTES_TIMEOUT_MS,
  });
  server.on("secureConnection", (socket) => {
    const secured = waiting.get(endsOf(socket));
    // The peer was gone as soon as it had shaken hands.
    if (!secured) return void socket.destroy();
    secured(socket);
  });
  server.on("tlsClientError", (error, socket) => {
    onFailure(error);
    socket.destroy();
  });

  return {
    secure(raw, secured) {
      const ends = endsOf(raw);
      waiting.set(ends, secured);
      raw.once("close", () => waiting.delete(ends));
      server.emit("connection", raw);
    },
  };
}

/** Both ends of a connection: no two that are open share them. */
function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
