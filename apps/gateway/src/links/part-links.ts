import type { LeaseReader } from "@vigil/leases";
import {
  type ControlMessage,
  createFrameSender,
  createGatewayHandshake,
  decodeControl,
  encodeControl,
  isPartName,
  leaseReplyFrame,
  MAX_SOCKET_QUEUE_BYTES,
  type ProvenPart,
  proofMatches,
  proofOf,
} from "@vigil/links";
import type { CallHandler } from "@vigil/protocol";
import { type Clock, createEmitter, type Emitter, type Logger, type Random, uuid, VigilError } from "@vigil/shared";
import type { Peer } from "@vigil/transport";
import type { FrameSocket } from "./control-socket.js";
import { createPartLink, type LinkDownCause, type PartLink } from "./part-link.js";

/** A part as the configuration names it. */
export interface ConfiguredPart {
  readonly name: string;
  readonly secret: string;
  readonly prefix: string;
  readonly maxCommandAgeMs: number;
}

export type PartLinksEvents = {
  /** A part has proved itself and its control path works; its data path may still be missing. */
  linked: PartLink;
  down: { link: PartLink; cause: LinkDownCause };
  /** Someone failed the handshake. */
  refused: { part: string; message: string };
};

/** The links of all parts. */
export interface PartLinks {
  readonly on: Emitter<PartLinksEvents>["on"];
  get(part: string): PartLink | undefined;
  all(): Iterable<PartLink>;
  /** A WebSocket came to /parts. */
  acceptControl(socket: FrameSocket, remoteAddress: string): void;
  /** A WebSocket came to /parts/data with this token. */
  acceptData(socket: FrameSocket, token: string): void;
  close(): void;
}

export interface PartLinksDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly parts: readonly ConfiguredPart[];
  /** Set: the built-in store, served to the parts. */
  readonly leases: LeaseReader | undefined;
  /** Answers an offer; undefined: no data channels. */
  answer(sdp: string): Promise<{ sdp: string; peer: Peer }>;
  serve(part: string): CallHandler;
}

export interface PartLinksOptions {
  readonly windowMs: number;
  readonly software: string;
}

/** A part that is linked already is asked whether it lives before a second one of its name may take over (R8b). */
const TAKEOVER_CHALLENGE_MS = 300;
/** A handshake is three frames: who needs longer is no part. */
const HANDSHAKE_TIMEOUT_MS = 5000;

export function createPartLinks(deps: PartLinksDeps, options: PartLinksOptions): PartLinks {
  const { clock, random, log } = deps;
  const events = createEmitter<PartLinksEvents>();
  const configured = new Map(deps.parts.map((part) => [part.name, part]));
  const links = new Map<string, PartLink>();
  const dataTokens = new Map<string, PartLink>();

  async function establish(proven: ProvenPart, socket: FrameSocket): Promise<PartLink> {
    const present = links.get(proven.name);
    if (present) {
      if (present.part.bootId !== proven.bootId && (await present.isAlive(TAKEOVER_CHALLENGE_MS))) {
        throw new VigilError(
          "limit",
          `another part named ${proven.name} is linked and alive; give each part its own name in gateway and part files`,
        );
      }
      present.close("replaced");
    }
    const link = createPartLink(
      {
        clock,
        random,
        send: (frame) => socket.send(encodeControl(frame)),
        closeControl: () => socket.close(),
        serve: deps.serve(proven.name),
        onBadFrame: (reason) => log.warn({ part: proven.name, reason }, "bad frame on a part link"),
      },
      proven,
      { windowMs: options.windowMs },
    );
    const token = uuid(random);
    dataTokens.set(token, link);
    links.set(proven.name, link);
    link.on("down", ({ cause }) => {
      dataTokens.delete(token);
      if (links.get(proven.name) === link) links.delete(proven.name);
      events.emit("down", { link, cause });
    });
    events.emit("linked", link);
    link.push({
      case: "welcome",
      value: {
        windowMs: options.windowMs,
        dataToken: token,
        dataChannel: true,
        maxCommandAgeMs: configured.get(proven.name)!.maxCommandAgeMs,
      },
    });
    return link;
  }

  function cutUnread(link: PartLink, error: VigilError, cut: () => void): void {
    log.warn({ part: link.part.name, error: error.message }, "cutting the link of a part that does not read");
    cut();
  }

  async function bringUp(link: PartLink, sdp: string, proof: Uint8Array): Promise<void> {
    const { secret, nonces } = link.part;
    if (!proofMatches(proofOf(secret, "vigil sdp offer", nonces, sdp), proof)) {
      throw new VigilError("unauthenticated", "the offer's proof does not match: it was changed on its way");
    }
    const { sdp: answer, peer } = await deps.answer(sdp);
    peer.on("open", () => {
      peer.data.onMessage((bytes) => link.receiveData(bytes as Buffer));
      link.attach({
        kind: "webrtc",
        sender: createFrameSender(peer.data, (error) => cutUnread(link, error, () => void peer.close())),
        challenge: () => peer.challenge(),
        close: () => void peer.close(),
      });
    });
    peer.on("evidence", (evidence) => {
      if (evidence.kind === "transport") link.dataAlive(evidence.atMs);
    });
    peer.on("closed", () => link.dataClosed());
    link.on("down", () => void peer.close());
    link.push({
      case: "description",
      value: { type: "answer", sdp: answer, proof: proofOf(secret, "vigil sdp answer", nonces, answer) },
    });
  }

  async function answerLeases(link: PartLink, id: bigint, sessions: readonly string[]): Promise<void> {
    const outcome = await (deps.leases
      ? deps.leases.read(sessions).catch((error) => VigilError.from(error, "store_unavailable"))
      : new VigilError(
          "store_unavailable",
          'leases are in Redis: give this part "leases": {"store": "redis", "url": ...}',
        ));
    link.push(leaseReplyFrame(Number(id), outcome));
  }

  return {
    on: events.on,
    get: (part) => links.get(part),
    all: () => links.values(),
    acceptControl(socket, remoteAddress) {
      let link: PartLink | undefined;
      let claimed = "";
      let establishing = false;
      let isRefused = false;
      /** Frames that come while an older part of that name is being challenged. */
      const early: ControlMessage[] = [];
      const handshake = createGatewayHandshake(
        {
          random,
          send: (frame) => socket.send(encodeControl(frame)),
          secretOf: (part) => configured.get(part)?.secret,
        },
        options.software,
      );
      const deadline = clock.after(HANDSHAKE_TIMEOUT_MS, () => {
        if (!link) refuse(new VigilError("deadline", "the handshake took too long"));
      });
      const refuse = (error: VigilError) => {
        isRefused = true;
        const message = error.message;
        socket.send(encodeControl({ case: "refusal", value: { message, final: error.reason !== "limit" } }));
        socket.close();
        log.warn({ part: claimed, remoteAddress, error: message }, "refused a part");
        events.emit("refused", { part: configured.has(claimed) ? claimed : "unknown", message });
      };
      const dispatch = (message: ControlMessage) => {
        if (message.case === "leaseQuestion") {
          void answerLeases(link!, message.value.id, message.value.sessions);
        } else if (message.case === "description") {
          bringUp(link!, message.value.sdp, message.value.proof).catch((error) =>
            log.warn(
              { part: claimed, error: VigilError.from(error).message },
              "a part's data channel was not brought up",
            ),
          );
        } else link!.receive(message);
      };
      socket.onMessage((bytes) => {
        try {
          const message = decodeControl(bytes);
          if (!message) return;
          if (link) return dispatch(message);
          if (establishing) {
            if (early.length < 16) early.push(message);
            return;
          }
          if (message.case === "hello" && isPartName(message.value.part)) claimed = message.value.part;
          const proven = handshake.receive(message);
          if (!proven) return;
          establishing = true;
          establish(proven, socket)
            .then((established) => {
              link = established;
              for (const waiting of early) dispatch(waiting);
            })
            .catch((error) => refuse(VigilError.from(error)));
        } catch (error) {
          if (link) log.warn({ part: claimed, error: VigilError.from(error).message }, "bad frame from a part");
          else refuse(VigilError.from(error));
        }
      });
      socket.onClose(() => {
        deadline.cancel();
        if (link) link.close("closed");
        // It does not accept this gateway: a part whose secret differs leaves before it gives any proof of its own.
        else if (claimed !== "" && !establishing && !isRefused) {
          refuse(
            new VigilError(
              "unauthenticated",
              `part ${claimed} broke the handshake off: compare its "secret" in gateway and part files`,
            ),
          );
        }
      });
    },
    acceptData(socket, token) {
      const link = dataTokens.get(token);
      if (!link) return socket.close();
      dataTokens.delete(token);
      socket.onMessage((bytes) => link.receiveData(bytes));
      socket.onClose(() => link.dataClosed());
      link.attach({
        kind: "websocket",
        sender: createFrameSender(
          socket.channel,
          (error) => cutUnread(link, error, socket.cut),
          MAX_SOCKET_QUEUE_BYTES,
        ),
        challenge: undefined,
        close: () => socket.close(),
      });
    },
    close() {
      for (const link of [...links.values()]) link.close("shutdown");
    },
  };
}
