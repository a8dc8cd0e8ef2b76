import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { VigilError } from "@vigil/shared";
import { MAX_CONNECTIONS } from "./limits.js";

export interface Listener {
  /** @throws VigilError that says how to mend, when the address cannot be served. */
  listen(): Promise<AddressInfo>;
  /** Accepts no more. What was accepted lives on. */
  close(): void;
}

/**
 * Listens at one host and port. "localhost" means both loopback addresses, as dialling it does: a client that tries
 * ::1 first and one that only knows 127.0.0.1 both arrive.
 */
export function createListener(host: string | undefined, port: number, accept: (socket: Socket) => void): Listener {
  const servers: Server[] = [];

  const open = (address: string | undefined, at: number) =>
    new Promise<AddressInfo>((resolve, reject) => {
      const server = createServer(accept);
      server.maxConnections = MAX_CONNECTIONS;
      server.once("error", reject);
      server.listen({ port: at, ...(address ? { host: address } : {}) }, () => {
        server.off("error", reject);
        // accept(2) fails when descriptors run out; the next connection tries again.
        server.on("error", () => undefined);
        servers.push(server);
        resolve(server.address() as AddressInfo);
      });
    });

  return {
    async listen() {
      try {
        if (host !== "localhost") return await open(host, port);
        const address = await open("127.0.0.1", port);
        await open("::1", address.port).catch((error: NodeJS.ErrnoException) => {
          if (error.code === "EADDRINUSE") throw error;
        });
        return address;
      } catch (error) {
        for (const server of servers.splice(0)) server.close();
        throw cannotListen(error, host, port);
      }
    },
    close() {
      for (const server of servers.splice(0)) server.close();
    },
  };
}

/** Whether an error says that the port cannot be served (the app's exit code 3). */
export function isCannotListen(error: unknown): error is VigilError {
  if (!(error instanceof VigilError)) return false;
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return cause?.syscall === "listen" || cause?.syscall === "bind" || cause?.syscall === "getaddrinfo";
}

function cannotListen(cause: unknown, host: string | undefined, port: number): VigilError {
  const at = `${host === undefined || host === "" ? "*" : host}:${port}`;
  const { code, message } = cause as NodeJS.ErrnoException;
  const mend: Record<string, string> = {
    EADDRINUSE: "another program has the port: end it, or choose another port in network.bind_address (or PORT)",
    EACCES: "no permission: ports below 1024 need CAP_NET_BIND_SERVICE; choose one above in network.bind_address",
    EADDRNOTAVAIL: "no interface of this machine has that address: correct the host in network.bind_address",
    ENOTFOUND: "the host name has no address: correct the host in network.bind_address",
    EAI_AGAIN: "the host name cannot be looked up now: use an address in network.bind_address",
  };
  return new VigilError("cannot_serve", `cannot listen on ${at}: ${mend[code ?? ""] ?? message}`, { cause });
}
