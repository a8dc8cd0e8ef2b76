import {
  createFrameSender,
  createSocketChannel,
  createTurnShare,
  type FlowSocket,
  type FrameChannel,
} from "@vigil/links";
import type { WebSocket } from "ws";

/** Largest frame on a part's sockets: an inventory with all its service descriptors, or a packet of a call. */
export const MAX_LINK_FRAME_BYTES = 4 * 1024 * 1024;

/** A WebSocket as the links need it. */
export interface FrameSocket {
  /** A socket that is hopelessly behind is cut. */
  send(bytes: Uint8Array): void;
  /** The same socket for who minds what is queued. */
  readonly channel: FrameChannel;
  onMessage(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  close(): void;
  /** Without a good-bye, which who does not read would never answer. */
  cut(): void;
}

/** @param tcp the socket that the WebSocket runs on. */
export function createFrameSocket(socket: WebSocket, tcp: FlowSocket): FrameSocket {
  const channel = createSocketChannel(socket, tcp);
  const cut = () => socket.terminate();
  const control = createFrameSender(channel, cut);
  const noteRead = createTurnShare(socket);
  // A socket that breaks closes as well: the close is what matters.
  socket.on("error", cut);
  return {
    send(bytes) {
      if (socket.readyState === socket.OPEN) control.send(bytes, "control");
    },
    channel,
    onMessage(listener) {
      socket.on("message", (data) => {
        const bytes = data instanceof Buffer ? data : Buffer.concat(data as Buffer[]);
        noteRead(bytes.length);
        listener(bytes);
      });
    },
    onClose: (listener) => socket.on("close", listener),
    close: () => socket.close(),
    cut,
  };
}
