import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CallStart, createChannelClient } from "@vigil/protocol";
import { SignalingService } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import { createLogger, createSystemClock, systemRandom } from "@vigil/shared";
import { createDialer } from "@vigil/transport";
import { ROBOT } from "../robot.js";

/** A data channel to the robot on which a test may send what no SDK would. */
export interface RawChannel {
  send(message: Uint8Array | string): void;
  call(method: string, request: Uint8Array): Promise<{ code: number; message: string }>;
  close(): Promise<void>;
}

const OPEN_TIMEOUT_MS = 10_000;

export async function dialChannel(url: string): Promise<RawChannel> {
  const log = createLogger({ destination: { write() {} } });
  const dialer = createDialer(
    { clock: createSystemClock(), random: systemRandom, log },
    { openTimeoutMs: OPEN_TIMEOUT_MS },
  );
  const signaling = createClient(SignalingService, createGrpcTransport({ baseUrl: url }));
  const peer = await dialer.dial(async (offer) => {
    const sdp = Buffer.from(JSON.stringify(offer)).toString("base64");
    let answer: { type: "answer"; sdp: string } | undefined;
    for await (const { stage } of signaling.call({ sdp }, { headers: { "rpc-host": ROBOT } })) {
      if (stage.case === "init") answer = JSON.parse(Buffer.from(stage.value.sdp, "base64").toString("utf8"));
    }
    if (!answer) throw new Error("the offer was not answered");
    return answer;
  });
  const client = createChannelClient({ send: (frame, priority) => peer.data.send(frame, priority) });
  peer.data.onMessage((message) => {
    if (typeof message !== "string") client.receive(message);
  });
  return {
    send: (message) => peer.data.send(message),
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
    close: () => dialer.close(),
  };
}
