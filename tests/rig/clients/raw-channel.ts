import { after } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CallStart, createChannelClient } from "@vigil/protocol";
import { SignalingService } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import nodeDataChannel from "node-datachannel";
import { ROBOT } from "../robot.js";

// libdatachannel's threads keep the process alive otherwise.
after(() => nodeDataChannel.cleanup());

/** A data channel to the robot on which a test may send what no SDK would. */
export interface RawChannel {
  send(message: Uint8Array | string): void;
  call(method: string, request: Uint8Array): Promise<{ code: number; message: string }>;
  close(): void;
}

export async function dialChannel(url: string): Promise<RawChannel> {
  const connection = new nodeDataChannel.PeerConnection("rig", { iceServers: [], disableAutoNegotiation: true });
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => state === "complete" && resolve());
  });
  const data = connection.createDataChannel("data", { negotiated: true, id: 0 });
  connection.createDataChannel("negotiation", { negotiated: true, id: 1 });
  const opened = new Promise<void>((resolve) => data.onOpen(resolve));
  connection.setLocalDescription("offer");
  await gathered;
  const { type, sdp } = connection.localDescription()!;
  const signaling = createClient(SignalingService, createGrpcTransport({ baseUrl: url }));
  const offer = Buffer.from(JSON.stringify({ type, sdp })).toString("base64");
  for await (const { stage } of signaling.call({ sdp: offer }, { headers: { "rpc-host": ROBOT } })) {
    if (stage.case !== "init") continue;
    const answer = JSON.parse(Buffer.from(stage.value.sdp, "base64").toString("utf8")) as { sdp: string };
    connection.setRemoteDescription(answer.sdp, "answer");
  }
  await opened;
  const client = createChannelClient({ send: (frame) => data.sendMessageBinary(frame) });
  data.onMessage((message) => {
    if (typeof message !== "string") client.receive(new Uint8Array(message as ArrayBuffer));
  });
  return {
    send: (message) => (typeof message === "string" ? data.sendMessage(message) : data.sendMessageBinary(message)),
    call: (method, request) =>
      new Promise((resolve) => {
        const start: CallStart = { method, metadata: new Map(), timeoutMs: undefined };
        const sink = client.call(start, {
          headers() {},
          message() {},
          trailers: ({ code, message }) => resolve({ code, message }),
        });
        sink.message(request);
        sink.end();
      }),
    close: () => connection.close(),
  };
}
