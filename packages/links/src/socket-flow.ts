import { VigilError } from "@vigil/shared";
import type { FrameChannel } from "./frame-sender.js";

/** A WebSocket, its writing side. */
export interface FlowWebSocket {
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
}

/** The TCP or TLS socket below it. */
export interface FlowSocket {
  cork(): void;
  uncork(): void;
  on(event: "drain" | "close", listener: () => void): void;
  off(event: "drain" | "close", listener: () => void): void;
}

/** Bytes of bulk that may wait for the kernel to take them: what it has taken no later call can overtake. */
export const MAX_SOCKET_QUEUE_BYTES = 128 * 1024;
/**
 * Read from one socket in one turn of the event loop. Node would take 2 MB at a go, 20 ms in which nobody else is
 * served (measured while 8 MB came from a part).
 */
const MAX_TURN_BYTES = 128 * 1024;

/** Bytes that may wait in a socket at all: beyond it the other side does not read any more. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

/** A WebSocket as a channel of frames; `queuedBytes` are those that the kernel has not taken yet. */
export function createSocketChannel(socket: FlowWebSocket, tcp: FlowSocket): FrameChannel {
  const corkTurn = createTurnCork(tcp);
  return {
    send(bytes) {
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
        throw new VigilError("limit", `more than ${MAX_BUFFERED_BYTES} bytes wait for a peer that does not read`);
      }
      corkTurn();
      socket.send(bytes);
    },
    get queuedBytes() {
      return socket.bufferedAmount;
    },
    whenDrained: () => whenDrained(tcp),
  };
}

/**
 * Lets everything that is written in one turn of the event loop leave together. A call crosses a link as two frames on
 * its way and three on its way back; written one by one, each is a system call here and a wake-up there, which was a
 * fifth of the processor time of both ends. Nothing waits: the turn's end follows at once when nothing else is to do.
 * @returns what to call before each write.
 */
function createTurnCork(socket: FlowSocket): () => void {
  let isCorked = false;
  const uncork = () => {
    isCorked = false;
    socket.uncork();
  };
  return () => {
    if (isCorked) return;
    isCorked = true;
    socket.cork();
    setImmediate(uncork);
  };
}

function whenDrained(socket: FlowSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (isClosed: boolean) => {
      socket.off("drain", onDrain);
      socket.off("close", onClose);
      if (isClosed) reject(new Error("the socket is closed"));
      else resolve();
    };
    const onDrain = () => done(false);
    const onClose = () => done(true);
    socket.on("drain", onDrain);
    socket.on("close", onClose);
  });
}

/**
 * Lets a WebSocket with much to read give way to others.
 * @returns what to tell the bytes of each frame that came.
 */
export function createTurnShare(socket: { pause(): void; resume(): void }): (bytes: number) => void {
  let turnBytes = 0;
  let isCounting = false;
  const turn = () => {
    isCounting = false;
    if (turnBytes > MAX_TURN_BYTES) socket.resume();
    turnBytes = 0;
  };
  return (bytes) => {
    if (!isCounting) {
      isCounting = true;
      setImmediate(turn);
    }
    const hadShare = turnBytes > MAX_TURN_BYTES;
    turnBytes += bytes;
    if (!hadShare && turnBytes > MAX_TURN_BYTES) socket.pause();
  };
}
