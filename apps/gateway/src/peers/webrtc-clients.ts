import { createFrameSender } from "@vigil/links";
import { type CallHandler, createChannelServer } from "@vigil/protocol";
import type { Logger } from "@vigil/shared";
import type { Peer } from "@vigil/transport";
import type { Client } from "../admission/client.js";
import type { Clients } from "./clients.js";
import { CLOSING } from "./signaling-service.js";

/** Turns the frames of an answered peer into calls, from its opening to its close. */
export function serveWebrtcClient(
  deps: {
    readonly clients: Clients;
    readonly log: Logger;
    handlerFor(client: Client): CallHandler;
    badFrame(client: Client): void;
  },
  peer: Peer,
  about: { entity: string | undefined; home: string | undefined; remoteAddress: string },
): void {
  peer.on("open", () => {
    const client = deps.clients.addPeer(peer, about);
    const server = createChannelServer({
      handler: deps.handlerFor(client),
      ...createFrameSender(peer.data, (error) => {
        // It does not read: what is queued for it would be stale anyway (traps of werift, viam-wire.md).
        deps.log.warn({ client: client.id, error: error.message }, "cutting a client that does not read");
        client.cut();
      }),
      onBadFrame(reason) {
        deps.log.warn({ client: client.id, reason }, "bad frame from a client");
        deps.badFrame(client);
      },
    });
    peer.data.onMessage((message) => {
      if (typeof message !== "string" && !client.isCut) server.receive(message);
    });
    peer.on("closed", () => server.closeAll(CLOSING));
  });
}
