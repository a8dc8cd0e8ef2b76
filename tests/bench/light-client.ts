import { createClient, type Client as RpcClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type CallStart, createChannelClient, createStatus } from "@vigil/protocol";
import { SignalingService } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import { Code } from "@vigil/shared";
import { type DataChannel, PeerConnection } from "node-datachannel";
import { ClientError } from "../rig/clients/client.js";
import { ROBOT } from "../rig/robot.js";
import { heartbeatRequest, readString } from "./wire.js";

/**
 * A client over WebRTC without an SDK around it: what it costs beside the robot is small, so that hundreds of them leave
 * the machine to what is measured. Its stack is the one below Viam's SDK in Node (node-datachannel).
 */
export interface LightClient {
  /** @throws ClientError with the gRPC code */
  call(method: string, request: Uint8Array): Promise<Uint8Array>;
  /** Starts an explicit session and beats as Viam's SDK does: a fifth of the window after each answered beat. */
  startSession(): Promise<string>;
  /** Bytes that came over its data channel so far. */
  readonly receivedBytes: number;
  close(): void;
}

const ROBOT_SERVICE = "/viam.robot.v1.RobotService";
const DIAL_LIMIT_MS = 30_000;

export type Signaling = RpcClient<typeof SignalingService>;
export const createSignaling = (url: string): Signaling =>
  createClient(SignalingService, createGrpcTransport({ baseUrl: url }));

export async function dialLight(signaling: Signaling, windowMs: number): Promise<LightClient> {
  const peer = new PeerConnection("light", { iceServers: [] });
  let timer: NodeJS.Timeout | undefined;
  try {
    const gone = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not open after ${DIAL_LIMIT_MS} ms`)), DIAL_LIMIT_MS);
      peer.onStateChange((state) => {
        if (state === "failed" || state === "closed") reject(new Error(`the connection is ${state}`));
      });
    });
    gone.catch(() => undefined);
    const gathered = new Promise<void>((resolve) => {
      peer.onGatheringStateChange((state) => state === "complete" && resolve());
    });
    const data = peer.createDataChannel("data", { negotiated: true, id: 0 });
    const negotiation = peer.createDataChannel("negotiation", { negotiated: true, id: 1 });
    const client = serveChannel(peer, data, negotiation, windowMs);
    await Promise.race([gathered, gone]);
    const answered = answer(signaling, peer);
    await Promise.race([Promise.all([answered, client.opened]), gone]);
    return client;
  } catch (error) {
    peer.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function answer(signaling: Signaling, peer: PeerConnection): Promise<void> {
  const offer = peer.localDescription();
  const sdp = Buffer.from(JSON.stringify(offer)).toString("base64");
  for await (const { stage } of signaling.call({ sdp }, { headers: { "rpc-host": ROBOT } })) {
    if (stage.case !== "init") continue;
    const answer = JSON.parse(Buffer.from(stage.value.sdp, "base64").toString("utf8")) as { sdp: string };
    peer.setRemoteDescription(answer.sdp, "answer");
  }
}

function serveChannel(
  peer: PeerConnection,
  data: DataChannel,
  negotiation: DataChannel,
  windowMs: number,
): LightClient & { readonly opened: Promise<void> } {
  let session: string | undefined;
  let beat: NodeJS.Timeout | undefined;
  let receivedBytes = 0;
  const channel = createChannelClient({
    send(frame) {
      if (data.isOpen()) data.sendMessageBinary(frame);
    },
  });
  data.onMessage((message) => {
    if (typeof message === "string") return;
    const bytes = Buffer.isBuffer(message) ? message : Buffer.from(message);
    receivedBytes += bytes.length;
    channel.receive(bytes);
  });
  data.onClosed(() => {
    clearTimeout(beat);
    channel.closeAll(createStatus(Code.unavailable, "the data channel is closed"));
  });

  const call = (method: string, request: Uint8Array) =>
    new Promise<Uint8Array>((resolve, reject) => {
      const metadata = new Map<string, string[]>(session === undefined ? [] : [["viam-sid", [session]]]);
      const start: CallStart = { method, metadata, timeoutMs: undefined };
      let answer = new Uint8Array();
      const sink = channel.call(start, {
        headers() {},
        message(bytes) {
          answer = new Uint8Array(bytes);
        },
        trailers: ({ code, message }) => (code === 0 ? resolve(answer) : reject(new ClientError(message, code))),
      });
      sink.message(request);
      sink.end();
    });

  return {
    opened: new Promise((resolve) => data.onOpen(resolve)),
    call,
    async startSession() {
      const id = readString(await call(`${ROBOT_SERVICE}/StartSession`, new Uint8Array()), 1);
      session = id;
      const turn = () => {
        call(`${ROBOT_SERVICE}/SendSessionHeartbeat`, heartbeatRequest(id)).then(
          () => {
            beat = setTimeout(turn, windowMs / 5);
          },
          // The session or the connection is over: the commands of this client tell so.
          () => undefined,
        );
      };
      turn();
      return id;
    },
    get receivedBytes() {
      return receivedBytes;
    },
    close() {
      clearTimeout(beat);
      // Held until now: a channel that nobody holds is closed by the garbage collector.
      negotiation.close();
      peer.close();
    },
  };
}
