import { createGrpcTransport } from "@connectrpc/connect-node";
import * as VIAM from "@viamrobotics/sdk";
import * as polyfill from "node-datachannel/polyfill";
import { serveVerbs } from "./serve-verbs.js";
import { createVerbs } from "./verbs.js";

// Viam's documentation tells Node users to set both.
Object.assign(globalThis, {
  VIAM: {
    GRPC_TRANSPORT_FACTORY: (options: { baseUrl: string }) => createGrpcTransport({ httpVersion: "2", ...options }),
  },
  ...polyfill,
});

async function dial(way: string, url: string, host: string): Promise<VIAM.RobotClient> {
  if (way === "webrtc") {
    return VIAM.createRobotClient({ host, signalingAddress: url, iceServers: [], noReconnect: true });
  }
  // createRobotClient does not work for direct dials in this version; the address has to contain "local".
  const address = url.replace("127.0.0.1", "localhost");
  const client = new VIAM.RobotClient(address);
  await client.dial({ host: address, noReconnect: true });
  return client;
}

serveVerbs(async (way, url, host) => createVerbs(await dial(way!, url!, host!)));
