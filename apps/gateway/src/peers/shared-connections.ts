import type { ClientConnection } from "../port/index.js";

/**
 * Which clients have called over which TCP connection. A browser's client has several, a proxy's connection carries
 * several clients: none of them may be cut off by another one's end (rules.md, R6).
 */
export interface SharedConnections {
  /** The client has called over it; forgotten when the connection ends. Cheap when it is known. */
  note(connection: ClientConnection, client: string): void;
  /** Resets every connection that this client has called over and that carries nobody else who has a live session. */
  cut(client: string): void;
  forget(client: string): void;
}

/** @param hasSession whether a client has a session that lives. */
export function createSharedConnections(hasSession: (client: string) => boolean): SharedConnections {
  const clientsOf = new Map<ClientConnection, Set<string>>();
  const connectionsOf = new Map<string, Set<ClientConnection>>();

  function join(connection: ClientConnection, client: string): void {
    let clients = clientsOf.get(connection);
    if (!clients) {
      clients = new Set();
      clientsOf.set(connection, clients);
      connection.on("closed", () => leave(connection));
    }
    clients.add(client);
    const connections = connectionsOf.get(client);
    if (connections) connections.add(connection);
    else connectionsOf.set(client, new Set([connection]));
  }

  function leave(connection: ClientConnection): void {
    for (const client of clientsOf.get(connection) ?? []) {
      const connections = connectionsOf.get(client);
      connections?.delete(connection);
      if (connections?.size === 0) connectionsOf.delete(client);
    }
    clientsOf.delete(connection);
  }

  return {
    note(connection, client) {
      if (connection.closed || connectionsOf.get(client)?.has(connection)) return;
      join(connection, client);
    },
    cut(client) {
      for (const connection of [...(connectionsOf.get(client) ?? [])]) {
        const others = [...clientsOf.get(connection)!].filter((other) => other !== client);
        if (!others.some(hasSession)) connection.destroy();
      }
    },
    forget(client) {
      for (const connection of connectionsOf.get(client) ?? []) clientsOf.get(connection)?.delete(client);
      connectionsOf.delete(client);
    },
  };
}
