import type { Channel } from "./peer.js";
import type { SendQueue } from "./send-queue.js";

/** Messages kept for a listener that is yet to come: the first requests of an eager client. */
const MAX_UNHEARD_MESSAGES = 64;

/** A channel and the door through which its peer hands it messages. */
export interface OwnedChannel extends Channel {
  deliver(message: Buffer | string): void;
}

export function createChannel(
  { queue, isOpen, onError }: { queue: SendQueue; isOpen: () => boolean; onError: (error: unknown) => void },
  { label, streamId }: { label: string; streamId: number },
): OwnedChannel {
  const listeners = new Set<(message: Buffer | string) => void>();
  const unheard: (Buffer | string)[] = [];

  const deliver = (message: Buffer | string) => {
    if (listeners.size === 0) {
      if (unheard.length < MAX_UNHEARD_MESSAGES) unheard.push(message);
      return;
    }
    for (const listener of listeners) {
      try {
        listener(message);
      } catch (error) {
        onError(error);
      }
    }
  };

  return {
    label,
    get isOpen() {
      return isOpen();
    },
    get queuedBytes() {
      return queue.queuedBytes(streamId);
    },
    send: (message, priority = "control") => queue.push(streamId, message, priority),
    whenDrained: () => queue.whenDrained(streamId),
    onMessage(listener) {
      listeners.add(listener);
      for (const message of unheard.splice(0)) deliver(message);
      return () => listeners.delete(listener);
    },
    deliver,
  };
}
