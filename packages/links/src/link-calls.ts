import { type CallHandler, createChannelClient, createChannelServer, type Status } from "@vigil/protocol";
import { VigilError } from "@vigil/shared";
import type { FrameSender } from "./frame-sender.js";
import { decodeLinkFrame, encodeLinkFrame, type LinkFrame } from "./link-frame.js";

/** Calls in both directions over one data path, whatever carries it. */
export interface LinkCalls {
  /** Calls the peer. */
  readonly call: CallHandler;
  /** A frame came. Never throws: a bad one is told to `onBadFrame`. */
  receive(bytes: Uint8Array): void;
  /** Tick of the frame that is being handled now: valid inside the handler's synchronous reaction to it. */
  readonly currentTick: number;
  /** The path is gone, or about to be closed: every open call ends with this status, both ways. */
  closeAll(status: Status): void;
}

export interface LinkCallsDeps {
  /** The carrier. */
  readonly sender: FrameSender;
  /** Serves the peer's calls. */
  readonly serve: CallHandler;
  /** The peer's newest tick, to stamp on what goes to it; 0: none (a part does not judge a gateway's age). */
  peerTick(): number;
  onBadFrame(reason: string): void;
}

export function createLinkCalls(deps: LinkCallsDeps): LinkCalls {
  let currentTick = 0;
  const { sender, onBadFrame } = deps;
  const wrapped = (direction: LinkFrame["direction"]): FrameSender => ({
    send: (frame, priority) => sender.send(encodeLinkFrame(deps.peerTick(), direction, frame), priority),
    sendLater(bytes, frame) {
      // The tick of now: a packet that waits is no younger for it.
      const tick = deps.peerTick();
      sender.sendLater(bytes, () => encodeLinkFrame(tick, direction, frame()));
    },
  });
  const client = createChannelClient({ ...wrapped("request"), onBadFrame });
  const server = createChannelServer({ ...wrapped("response"), handler: deps.serve, onBadFrame });
  return {
    call: client.call,
    receive(bytes) {
      try {
        const { tick, direction, frame } = decodeLinkFrame(bytes);
        currentTick = tick;
        if (direction === "request") server.receive(frame);
        else client.receive(frame);
      } catch (error) {
        deps.onBadFrame(VigilError.from(error).message);
      }
    },
    get currentTick() {
      return currentTick;
    },
    closeAll(status) {
      client.closeAll(status);
      server.closeAll(status);
    },
  };
}
