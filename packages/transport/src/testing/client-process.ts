import nodeDataChannel from "node-datachannel";
import type { ChannelName, FromClient, ToClient } from "./client-messages.js";

/**
 * libdatachannel clients in a process of their own: so that a test can kill them, and because the library neither lets
 * a process end by itself nor survives its own clean-up.
 */
type Connection = nodeDataChannel.PeerConnection;
interface Client {
  connection: Connection;
  channels: Record<ChannelName, nodeDataChannel.DataChannel>;
  onEcho: (() => void) | undefined;
}

const clients = new Map<number, Client>();
const tell = (message: FromClient) => process.send!(message);

function dial(id: number): void {
  const startedAt = performance.now();
  const connection = new nodeDataChannel.PeerConnection(`client-${id}`, {
    iceServers: [],
    bindAddress: "127.0.0.1",
    disableAutoNegotiation: true,
  });
  connection.onGatheringStateChange((state) => {
    if (state !== "complete") return;
    tell({ op: "offer", id, offer: { type: "offer", sdp: connection.localDescription()!.sdp } });
  });
  const data = connection.createDataChannel("data", { negotiated: true, id: 0 });
  const negotiation = connection.createDataChannel("negotiation", { negotiated: true, id: 1 });
  const client: Client = { connection, channels: { data, negotiation }, onEcho: undefined };
  clients.set(id, client);
  data.onOpen(() => tell({ op: "open", id, afterMs: performance.now() - startedAt }));
  data.onClosed(() => tell({ op: "closed", id }));
  for (const channel of ["data", "negotiation"] as const) {
    client.channels[channel].onMessage((message) => {
      if (client.onEcho) client.onEcho();
      else if (typeof message === "string") tell({ op: "message", id, channel, text: message });
      else tell({ op: "message", id, channel, base64: Buffer.from(message as Buffer).toString("base64") });
    });
  }
  connection.setLocalDescription("offer");
}

function echo(id: number, client: Client, count: number): void {
  const roundTripsMs: number[] = [];
  let sentAt = 0;
  const next = () => {
    sentAt = performance.now();
    client.channels.data.sendMessageBinary(Buffer.alloc(64, 1));
  };
  client.onEcho = () => {
    roundTripsMs.push(performance.now() - sentAt);
    if (roundTripsMs.length < count) {
      next();
      return;
    }
    client.onEcho = undefined;
    tell({ op: "echoed", id, roundTripsMs });
  };
  next();
}

process.on("message", (message: ToClient) => {
  if (message.op === "dial") {
    dial(message.id);
    return;
  }
  const client = clients.get(message.id)!;
  switch (message.op) {
    case "answer":
      client.connection.setRemoteDescription(message.answer.sdp, "answer");
      return;
    case "send": {
      const channel = client.channels[message.channel];
      if (message.text !== undefined) channel.sendMessage(message.text);
      else channel.sendMessageBinary(Buffer.from(message.base64!, "base64"));
      return;
    }
    case "echo":
      echo(message.id, client, message.count);
      return;
    case "close":
      client.connection.close();
  }
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
