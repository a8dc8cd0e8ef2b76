import {
  type ControlInit,
  type ControlMessage,
  createFrameSender,
  createLinkCalls,
  createPartHandshake,
  createSocketChannel,
  createTurnShare,
  decodeControl,
  encodeControl,
  type FrameSender,
  type LinkCalls,
  linkChallengePeriodMs,
  MAX_SOCKET_QUEUE_BYTES,
  NONCE_BYTES,
  type PartIdentity,
  type ProvenGateway,
  proofMatches,
  proofOf,
} from "@vigil/links";
import { answerWith, type CallHandler, createStatus } from "@vigil/protocol";
import { type Clock, Code, every, type Logger, type Random, type Timer, VigilError } from "@vigil/shared";
import { createDialer, type Peer } from "@vigil/transport";
import { WebSocket } from "ws";

/** The part's side of its link: dials the gateway for ever, proves itself, brings the data path up. */
export interface GatewayLink {
  /** Sends on the control path; false when it is not up. */
  send(frame: ControlInit): boolean;
  readonly isUp: boolean;
  /** Calls the robot through the gateway (rules.md, R8); answers UNAVAILABLE while the link is down. */
  readonly call: CallHandler;
  /** Tick of the frame whose call is being handled now. */
  readonly currentTick: number;
  close(): void;
}

export interface GatewayLinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** As the part is now: its generation grows. */
  identity(): PartIdentity;
  /** Serves the gateway's calls. */
  readonly serve: CallHandler;
  /** The handshake is done: what to announce. */
  welcomed(gateway: ProvenGateway): void;
  received(message: ControlMessage): void;
  /** A challenge over the path of the commands was answered that had been sent at `sentAt`. */
  alive(sentAt: number): void;
  lost(): void;
}

export interface GatewayLinkOptions {
  /** ws:// or wss:// */
  readonly gateway: string;
  readonly tlsVerify: boolean;
  /** What carries the calls. A data channel that does not open gives way to a WebSocket. */
  readonly carrier: "webrtc" | "websocket";
  readonly software: string;
}

const NOT_LINKED = answerWith(createStatus(Code.unavailable, "the gateway is not linked at the moment; retry"));

/** First pause between dials and the longest, in ms: soon enough that nobody waits, rare enough to be no load. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2000;
/** A data channel on the same network opens within 100 ms; where UDP is blocked it never does. */
const DATA_CHANNEL_TIMEOUT_MS = 5000;
const HANDSHAKE_TIMEOUT_MS = 5000;
/** Challenges of twice the time for which the answer to one counts: older ones prove nothing any more. */
const MAX_OPEN_PROBES = 20;

export function createGatewayLink(deps: GatewayLinkDeps, options: GatewayLinkOptions): GatewayLink {
  const { clock, random, log } = deps;
  const dialer = createDialer({ clock, random, log }, { openTimeoutMs: DATA_CHANNEL_TIMEOUT_MS });
  let closed = false;
  let failures = 0;
  let attempt: Attempt | undefined;
  let retry: Timer | undefined;

  function dial(): void {
    if (closed) return;
    attempt = createAttempt((error) => {
      attempt = undefined;
      deps.lost();
      if (closed) return;
      failures += 1;
      // Jitter keeps the parts of a robot from dialling in step.
      const jitter = 0.5 + random.bytes(1)[0]! / 512;
      const pause = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1)) * jitter;
      if (failures === 1) log.warn({ error: error.message }, "the link to the gateway is lost; dialling again");
      else log.debug({ error: error.message }, "the gateway does not answer");
      retry = clock.after(pause, dial);
    });
  }

  interface Attempt {
    send(frame: ControlInit): boolean;
    readonly calls: LinkCalls | undefined;
    end(error: VigilError): void;
  }

  /** One control path and the data path over it, from dialling to their end. */
  function createAttempt(ended: (error: VigilError) => void): Attempt {
    const socket = new WebSocket(new URL("/parts", options.gateway), {
      rejectUnauthorized: options.tlsVerify,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
    });
    let over = false;
    let gateway: ProvenGateway | undefined;
    let handshake: ReturnType<typeof createPartHandshake> | undefined;
    let calls: LinkCalls | undefined;
    let peer: Peer | undefined;
    let dataSocket: WebSocket | undefined;
    let answered: ((sdp: { sdp: string; proof: Uint8Array }) => void) | undefined;
    const probes = new Map<string, number>();

    const write = (frame: ControlInit) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(encodeControl(frame));
      return true;
    };
    /** Whatever comes before its end has no place in the handshake, and the gateway would refuse the part. */
    const send = (frame: ControlInit) => gateway !== undefined && write(frame);
    const end = (error: VigilError) => {
      if (over) return;
      over = true;
      challenge?.cancel();
      calls?.closeAll(createStatus(Code.unavailable, "the link between part and gateway is lost"));
      void peer?.close();
      dataSocket?.terminate();
      socket.terminate();
      ended(error);
    };
    /** Over the path that carries the commands, and over no other (rules.md, R3). */
    const challengePath = () => {
      if (peer) return peer.challenge();
      if (!dataSocket) return;
      const nonce = random.bytes(NONCE_BYTES / 2);
      probes.set(Buffer.from(nonce).toString("base64"), clock.now());
      // Only the last few can still prove anything.
      for (const key of probes.keys()) if (probes.size > MAX_OPEN_PROBES) probes.delete(key);
      send({ case: "probe", value: { nonce } });
    };
    /** Runs from the welcome on, which says the window: before it there is no path to challenge. */
    let challenge: Timer | undefined;

    const attach = (sender: FrameSender) => {
      calls = createLinkCalls({
        sender,
        serve: deps.serve,
        peerTick: () => 0,
        onBadFrame: (reason) => log.warn({ reason }, "bad frame from the gateway"),
      });
      failures = 0;
      challengePath();
      log.info({ carrier: peer ? "webrtc" : "websocket", gateway: gateway!.software }, "linked to the gateway");
    };

    async function bringUpDataChannel({ nonces }: ProvenGateway): Promise<void> {
      const { secret } = deps.identity();
      const opened = await dialer.dial(async (offer) => {
        const answer = new Promise<{ sdp: string; proof: Uint8Array }>((resolve, reject) => {
          answered = resolve;
          clock.after(DATA_CHANNEL_TIMEOUT_MS, () => reject(new VigilError("deadline", "no answer to the offer")));
        });
        send({
          case: "description",
          value: { type: "offer", sdp: offer.sdp, proof: proofOf(secret, "vigil sdp offer", nonces, offer.sdp) },
        });
        const { sdp, proof } = await answer;
        if (!proofMatches(proofOf(secret, "vigil sdp answer", nonces, sdp), proof)) {
          throw new VigilError("unauthenticated", "the answer's proof does not match: it was changed on its way");
        }
        return { type: "answer", sdp };
      });
      if (over) return void opened.close();
      peer = opened;
      peer.on("evidence", (evidence) => {
        if (evidence.kind === "transport") deps.alive(evidence.atMs);
      });
      peer.on("closed", ({ cause }) => end(new VigilError("part_offline", `the data channel is closed (${cause})`)));
      attach(createFrameSender(opened.data, end));
      peer.data.onMessage((message) => calls!.receive(message as Buffer));
    }

    function bringUpSocket(token: string): void {
      const url = new URL("/parts/data", options.gateway);
      url.searchParams.set("token", token);
      const data = new WebSocket(url, { rejectUnauthorized: options.tlsVerify, perMessageDeflate: false });
      dataSocket = data;
      const noteRead = createTurnShare(data);
      data.on("error", (error) => end(VigilError.from(error, "part_offline")));
      data.on("close", () => end(new VigilError("part_offline", "the data socket is closed")));
      data.on("upgrade", ({ socket: tcp }) => {
        const channel = createSocketChannel(data, tcp);
        data.on("open", () => attach(createFrameSender(channel, end, MAX_SOCKET_QUEUE_BYTES)));
      });
      data.on("message", (bytes: Buffer) => {
        noteRead(bytes.length);
        calls?.receive(bytes);
      });
    }

    function onWelcome(welcome: ProvenGateway): void {
      gateway = welcome;
      challenge = every(clock, linkChallengePeriodMs(welcome.windowMs), challengePath);
      deps.welcomed(welcome);
      if (options.carrier === "websocket" || !welcome.dataChannel) return bringUpSocket(welcome.dataToken);
      bringUpDataChannel(welcome).catch((error) => {
        if (over) return;
        log.warn({ error: VigilError.from(error).message }, "no data channel to the gateway; using a WebSocket");
        bringUpSocket(welcome.dataToken);
      });
    }

    function onMessage(message: ControlMessage): void {
      if (!gateway) {
        const welcome = handshake?.receive(message);
        if (welcome) onWelcome(welcome);
        return;
      }
      switch (message.case) {
        case "probe":
          send({ case: "probeReply", value: { nonce: message.value.nonce } });
          return;
        case "probeReply": {
          const key = Buffer.from(message.value.nonce).toString("base64");
          const sentAt = probes.get(key);
          if (sentAt !== undefined && probes.delete(key) && dataSocket) deps.alive(sentAt);
          return;
        }
        case "description":
          answered?.({ sdp: message.value.sdp, proof: message.value.proof });
          return;
        case "refusal":
          return end(new VigilError("part_offline", message.value.message));
        default:
          deps.received(message);
      }
    }

    socket.on("open", () => {
      handshake = createPartHandshake({ random, send: write }, deps.identity(), options.software);
    });
    socket.on("message", (bytes) => {
      try {
        const message = decodeControl(bytes as Buffer);
        if (message) onMessage(message);
      } catch (error) {
        const known = VigilError.from(error);
        if (!gateway) log.error({ error: known.message }, "the gateway and this part do not accept each other");
        end(known);
      }
    });
    socket.on("error", (error) => end(VigilError.from(error, "part_offline")));
    socket.on("close", () => end(new VigilError("part_offline", "the control path is closed")));
    return {
      send,
      get calls() {
        return calls;
      },
      end,
    };
  }

  dial();
  return {
    send: (frame) => attempt?.send(frame) ?? false,
    get isUp() {
      return attempt?.calls !== undefined;
    },
    call: (start, response) => (attempt?.calls?.call ?? NOT_LINKED)(start, response),
    get currentTick() {
      return attempt?.calls?.currentTick ?? 0;
    },
    close() {
      closed = true;
      retry?.cancel();
      attempt?.end(new VigilError("shutting_down", "the part-agent stops"));
      void dialer.close();
    },
  };
}
