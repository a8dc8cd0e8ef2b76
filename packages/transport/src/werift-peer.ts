import { createEmitter, type Timer, uuid, VigilError } from "@vigil/shared";
import { RTCPeerConnection } from "werift";
import { sendChallenge, watchAssociation } from "./association-watch.js";
import { createChallenges } from "./challenges.js";
import { createChannel, type OwnedChannel } from "./channel.js";
import { formatAddress } from "./host-addresses.js";
import { type MendedConnection, mendConnection } from "./mended-connection.js";
import { createMessageSink, receiveMessages } from "./message-path.js";
import type { CloseCause, CloseOptions, Peer, PeerEvents, PeerOptions, TransportDeps } from "./peer.js";
import { isUsableCandidate } from "./remote-description.js";
import { answerOffer, decodeDescription, encodeDescription } from "./renegotiation.js";
import { createSendQueue } from "./send-queue.js";
import { usesOf } from "./workarounds/names.js";

/** Negotiated by every Viam SDK (viam-wire.md). */
const DATA_STREAM = 0;
const NEGOTIATION_STREAM = 1;
const DEFAULT_OPEN_TIMEOUT_MS = 10_000;

/** A peer with the connection under it, for those that negotiate it. */
export interface WeriftPeer {
  readonly peer: Peer;
  readonly connection: RTCPeerConnection;
  /** Ends it as `failed`. */
  fail(error: unknown): void;
}

/** `onReleased` is called once nothing of the peer is left, which is after `closed` and after any lingering. */
export function createWeriftPeer(deps: TransportDeps, options: PeerOptions, onReleased: () => void): WeriftPeer {
  const { clock, random, log } = deps;
  const id = uuid(random);
  const onListenerError = (error: unknown) => log?.warn({ peer: id, error: String(error) }, "listener threw");
  const emitter = createEmitter<PeerEvents>(onListenerError);
  const connection = new RTCPeerConnection({
    bundlePolicy: "max-bundle",
    iceServers: (options.iceServers ?? []).flatMap(({ urls, ...rest }) =>
      [urls].flat().map((url) => ({ urls: url, ...rest })),
    ),
  });
  for (const [label, streamId] of [["data", DATA_STREAM] as const, ["negotiation", NEGOTIATION_STREAM] as const]) {
    connection.createDataChannel(label, { negotiated: true, id: streamId, ordered: true });
  }

  let state: Peer["state"] = "connecting";
  let renegotiations = 0;
  let released: Promise<void> | undefined;

  let lingering: Timer | undefined;
  const release = () => {
    lingering?.cancel();
    released ??= mended
      .release()
      .catch((error: unknown) => log?.warn({ peer: id, error: String(error) }, "close incomplete"))
      .finally(() => onReleased());
    return released;
  };
  const finish = async (cause: CloseCause, lingerMs = 0) => {
    if (state !== "closed") {
      state = "closed";
      deadline.cancel();
      queue.close();
      // Before any listener: nothing of the old connection may move once somebody knows that it is over.
      const farewell = mended.sayGoodbye(isGoodbyeDue(cause));
      emitter.emit("closed", { cause });
      await farewell.catch((error: unknown) => log?.debug({ peer: id, error: String(error) }, "no goodbye sent"));
      if (lingerMs > 0 && !released) {
        mended.linger();
        lingering = clock.after(lingerMs, release);
        return;
      }
    }
    await release();
  };
  const gone = (cause: CloseCause) => {
    if (state !== "closed") void finish(cause);
  };
  const fail = (error: unknown) => {
    if (state !== "closed") log?.debug({ peer: id, error: String(error) }, "peer failed");
    gone("failed");
  };

  const mended: MendedConnection = mendConnection(deps, options, connection, {
    onCloseNotify: () => gone("close_notify"),
    onFailed: fail,
    onClosedBelow: () => gone("failed"),
    onChannelReset: () => gone("shutdown"),
  });
  const { association } = mended;
  const queue = createSendQueue({ clock }, createMessageSink(association, usesOf(options), fail));
  association.flush.subscribe(() => queue.pump());

  const challenges = createChallenges({ clock, random });
  watchAssociation({ clock, challenges }, association, {
    onEvidence: (evidence) => {
      if (state !== "closed") emitter.emit("evidence", evidence);
    },
    onAbort: () => gone("abort"),
    onShutdown: () => gone("shutdown"),
  });
  association.stateChanged.connected.subscribe(() => {
    if (state !== "connecting") return;
    state = "open";
    deadline.cancel();
    emitter.emit("open", undefined);
    queue.pump();
  });

  const channelOf = (label: string, streamId: number): OwnedChannel =>
    createChannel({ queue, isOpen: () => state === "open", onError: onListenerError }, { label, streamId });
  const data = channelOf("data", DATA_STREAM);
  const negotiation = channelOf("negotiation", NEGOTIATION_STREAM);

  let answering: Promise<void> = Promise.resolve();
  const renegotiate = (frame: string): boolean => {
    const offer = decodeDescription(frame);
    if (offer?.type !== "offer") return false;
    renegotiations++;
    answering = answering
      .then(async () => {
        if (state === "closed") return;
        const answer = await answerOffer(connection, offer);
        mended.onNegotiated();
        if (state === "open") negotiation.send(encodeDescription(answer));
      })
      .catch((error: unknown) => log?.warn({ peer: id, error: String(error) }, "renegotiation refused"))
      .finally(() => renegotiations--);
    return true;
  };

  receiveMessages(association, (streamId, message) => {
    if (state === "closed") return;
    if (streamId === DATA_STREAM) data.deliver(message);
    else if (streamId === NEGOTIATION_STREAM && !(typeof message === "string" && renegotiate(message))) {
      negotiation.deliver(message);
    }
  });

  const deadline = clock.after(options.openTimeoutMs ?? DEFAULT_OPEN_TIMEOUT_MS, () =>
    fail(new VigilError("deadline", "the connection did not open in time: check that UDP passes between both ends")),
  );

  const peer: Peer = {
    id,
    get state() {
      return state;
    },
    get isRenegotiating() {
      return renegotiations > 0;
    },
    remoteAddress() {
      const pair = mended.iceConnection.nominated;
      return pair && formatAddress(...pair.remoteAddr);
    },
    localAddress() {
      const local = mended.iceConnection.nominated?.localCandidate;
      return local && formatAddress(local.host, local.port);
    },
    fingerprints: () => mended.fingerprints(),
    data,
    negotiation,
    challenge() {
      if (state === "open") sendChallenge(association, challenges, (error) => log?.debug({ error }, "not challenged"));
    },
    addCandidate(candidate) {
      if (state === "closed" || !isUsableCandidate(candidate.candidate)) return;
      mended.addCandidate(candidate);
    },
    on: (event, listener) => emitter.on(event, listener),
    close: ({ lingerMs }: CloseOptions = {}) => finish("local", lingerMs),
  };
  return { peer, connection, fail };
}

/** Whether the other side still has to be told: not if it was the one that closed. */
function isGoodbyeDue(cause: CloseCause): boolean {
  return cause === "local" || cause === "failed" || cause === "shutdown";
}
