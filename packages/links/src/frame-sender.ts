import type { FrameOutput, FramePriority } from "@vigil/protocol";
import { VigilError } from "@vigil/shared";

/** A data channel as far as it matters to who sends frames over it. */
export interface FrameChannel {
  /** @throws VigilError when it is closed or full. */
  send(bytes: Uint8Array, priority: FramePriority): void;
  /** Bytes that the channel holds and has not handed on. */
  readonly queuedBytes: number;
  /** Resolves once few of them are left; rejects when the channel closes. */
  whenDrained(): Promise<void>;
}

/** Where a connection's frames go. */
export type FrameSender = Required<FrameOutput>;

/** Bytes of large messages that may stand in the channel at once: an eighth of a second at the pace of bulk (8 MB/s). */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** Two of the largest messages that gRPC over a data channel knows (2^25 bytes): who is further behind does not read. */
const MAX_BACKLOG_BYTES = 2 * 2 ** 25;

/**
 * Puts frames on a channel that bounds what it queues: small ones go at once, the packets of large messages wait here
 * until there is room, in their order. A message may so be larger than the channel's queue.
 *
 * @param failed told when the channel does not take a frame any more; the connection is of no use after that.
 * @param maxQueuedBytes in the channel, above which bulk waits here
 */
export function createFrameSender(
  channel: FrameChannel,
  failed: (error: VigilError) => void,
  maxQueuedBytes = MAX_QUEUED_BYTES,
): FrameSender {
  let backlog: { readonly bytes: number; frame(): Uint8Array }[] = [];
  let backlogBytes = 0;
  let isWaiting = false;
  let hasFailed = false;

  const fail = (error: unknown) => {
    backlog = [];
    backlogBytes = 0;
    if (hasFailed) return;
    hasFailed = true;
    failed(VigilError.from(error));
  };
  const put = (frame: Uint8Array, priority: FramePriority) => {
    try {
      channel.send(frame, priority);
    } catch (error) {
      fail(error);
    }
  };
  const hasRoom = () => channel.queuedBytes < maxQueuedBytes;

  function drain(): void {
    isWaiting = false;
    let sent = 0;
    while (sent < backlog.length && hasRoom()) {
      const { bytes, frame } = backlog[sent++]!;
      backlogBytes -= bytes;
      put(frame(), "bulk");
    }
    backlog.splice(0, sent);
    if (backlog.length > 0) wait();
  }
  function wait(): void {
    if (isWaiting) return;
    isWaiting = true;
    // It rejects when the channel has closed: then nobody reads the backlog any more, and the close is told elsewhere.
    channel.whenDrained().then(drain, () => {
      hasFailed = true;
      backlog = [];
    });
  }
  function sendLater(bytes: number, frame: () => Uint8Array): void {
    if (hasFailed) return;
    if (backlog.length === 0 && hasRoom()) return put(frame(), "bulk");
    backlogBytes += bytes;
    if (backlogBytes > MAX_BACKLOG_BYTES) {
      return fail(new VigilError("limit", `more than ${MAX_BACKLOG_BYTES} bytes wait for a peer that does not read`));
    }
    backlog.push({ bytes, frame });
    wait();
  }

  return {
    send(frame, priority) {
      if (priority === "bulk") return sendLater(frame.length, () => frame);
      if (!hasFailed) put(frame, priority);
    },
    sendLater,
  };
}
