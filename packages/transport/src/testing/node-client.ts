import { after } from "node:test";
import nodeDataChannel from "node-datachannel";
import type { SessionDescription } from "../peer.js";

const { PeerConnection } = nodeDataChannel;

/** A libdatachannel client as Viam's Node SDK makes one: both channels negotiated. */
export interface NodeClient {
  readonly data: nodeDataChannel.DataChannel;
  readonly negotiation: nodeDataChannel.DataChannel;
  readonly connection: nodeDataChannel.PeerConnection;
  /** ms from the call of `dial` to the data channel's opening. */
  readonly openedAfterMs: number;
  readonly closed: Promise<void>;
  close(): void;
}

export interface DialOptions {
  timeoutMs?: number;
  attempts?: number;
}

type Exchange = (offer: SessionDescription) => Promise<SessionDescription>;

let hasHung = false;
// A connection that never opened keeps the process alive for 8 s and more. Not called without need: the clean-up itself
// crashes now and then.
after(() => {
  if (hasHung) nodeDataChannel.cleanup();
});

/** Dials, with a timeout and another try: 1 to 3 in 1,000 dials of libdatachannel hang under connect storms. */
export async function dialNodeClient(exchange: Exchange, options: DialOptions = {}): Promise<NodeClient> {
  const { timeoutMs = 5000, attempts = 2 } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await dialOnce(exchange, timeoutMs);
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}

async function dialOnce(exchange: Exchange, timeoutMs: number): Promise<NodeClient> {
  const startedAt = performance.now();
  const connection = new PeerConnection("client", { iceServers: [], bindAddress: "127.0.0.1", disableAutoNegotiation: true });
  const gathered = new Promise<void>((resolve) => {
    connection.onGatheringStateChange((state) => {
      if (state === "complete") resolve();
    });
  });
  const data = connection.createDataChannel("data", { negotiated: true, id: 0 });
  const negotiation = connection.createDataChannel("negotiation", { negotiated: true, id: 1 });
  const closed = new Promise<void>((resolve) => data.onClosed(() => resolve()));
  const opened = new Promise<number>((resolve) => data.onOpen(() => resolve(performance.now() - startedAt)));
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no channel within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    connection.setLocalDescription("offer");
    await Promise.race([gathered, expired]);
    const offer = connection.localDescription();
    const answer = await Promise.race([exchange({ type: "offer", sdp: offer!.sdp }), expired]);
    connection.setRemoteDescription(answer.sdp, "answer");
    const openedAfterMs = await Promise.race([opened, expired]);
    return { data, negotiation, connection, openedAfterMs, closed, close: () => connection.close() };
  } catch (error) {
    hasHung = true;
    connection.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
