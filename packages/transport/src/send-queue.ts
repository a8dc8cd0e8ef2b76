import { type Clock, type Timer, VigilError } from "@vigil/shared";
import type { Priority } from "./peer.js";

/** RFC 8841's default limit of a data-channel message is 64 KiB; Viam's framing keeps to 65,535 (viam-wire.md). */
const MAX_MESSAGE_BYTES = 65_535;
/** Per peer. A control message is small: a queue of this size means that nothing has been acknowledged for seconds. */
const MAX_CONTROL_BYTES = 1024 * 1024;
/** Per peer. Two camera images; what produces more has to wait for `whenDrained`. */
const MAX_BULK_BYTES = 4 * 1024 * 1024;
/** Low watermark for `whenDrained`: enough to keep the link busy while the producer wakes up. */
const DRAINED_BYTES = 64 * 1024;
/** werift's own queue costs quadratic time; more than this many messages never stand in it. */
const MAX_HANDED_MESSAGES = 64;
/**
 * Bulk bytes handed to SCTP while older ones still wait there. It is one FIFO for all, so this is what a control
 * message can find ahead of itself: 32 KiB, 3 ms at 10 MB/s.
 */
const MAX_HANDED_BULK_BYTES = 32 * 1024;
/** Measured: at 10 MB/s of bulk a control message's p99 is 4.4 ms; unpaced it is 0.5 to 3 s. */
const BULK_BYTES_PER_MS = 10_000;
/** How far the pacing may catch up after an idle time. */
const MAX_BURST_BYTES = 32 * 1024;

/** What the queue needs of the association: messages go in, `onProgress` is called when its own queue shrinks. */
export interface MessageSink {
  readonly isReady: boolean;
  /** Data chunks not yet sent for the first time. */
  readonly waitingChunks: number;
  send(streamId: number, message: Buffer, isText: boolean): Promise<void>;
}

interface Message {
  streamId: number;
  bytes: Buffer;
  isText: boolean;
}

interface Waiter {
  streamId: number;
  resolve(): void;
  reject(error: Error): void;
}

/** Orders what a peer sends: control first, bulk paced, bounded in bytes. */
export interface SendQueue {
  /** @throws VigilError see `Channel.send`. */
  push(streamId: number, message: Uint8Array | string, priority: Priority): void;
  queuedBytes(streamId: number): number;
  whenDrained(streamId: number): Promise<void>;
  /** Hands on what may go now. To be called when the sink became ready or made progress. */
  pump(): void;
  close(): void;
}

export function createSendQueue({ clock }: { clock: Clock }, sink: MessageSink): SendQueue {
  const queues: Record<Priority, { messages: Message[]; bytes: number }> = {
    control: { messages: [], bytes: 0 },
    bulk: { messages: [], bytes: 0 },
  };
  const bytesByStream = new Map<number, number>();
  const waiters = new Set<Waiter>();
  let handedMessages = 0;
  let handedBulkBytes = 0;
  let bulkTokens = MAX_BURST_BYTES;
  let tokensAtMs = clock.now();
  let pacing: Timer | undefined;
  let isClosed = false;

  const queuedBytes = (streamId: number) => bytesByStream.get(streamId) ?? 0;

  const hand = (priority: Priority) => {
    const queue = queues[priority];
    const { streamId, bytes, isText } = queue.messages.shift()!;
    queue.bytes -= bytes.length;
    bytesByStream.set(streamId, queuedBytes(streamId) - bytes.length);
    handedMessages++;
    if (priority === "bulk") handedBulkBytes += bytes.length;
    const settle = () => {
      handedMessages--;
      if (priority === "bulk") handedBulkBytes -= bytes.length;
      pump();
    };
    // A rejection means that the association closed under the message; the peer's `closed` event says so.
    sink.send(streamId, bytes, isText).then(settle, settle);
  };

  const refillTokens = () => {
    const now = clock.now();
    bulkTokens = Math.min(MAX_BURST_BYTES, bulkTokens + (now - tokensAtMs) * BULK_BYTES_PER_MS);
    tokensAtMs = now;
  };

  const pumpBulk = () => {
    const { bulk } = queues;
    refillTokens();
    while (bulk.messages.length > 0 && handedMessages < MAX_HANDED_MESSAGES) {
      if (handedBulkBytes > 0 && handedBulkBytes + bulk.messages[0]!.bytes.length > MAX_HANDED_BULK_BYTES) return;
      if (bulkTokens <= 0) {
        pacing ??= clock.after(1, () => {
          pacing = undefined;
          pump();
        });
        return;
      }
      bulkTokens -= bulk.messages[0]!.bytes.length;
      hand("bulk");
    }
  };

  const pump = () => {
    if (isClosed || !sink.isReady) return;
    while (queues.control.messages.length > 0 && handedMessages < MAX_HANDED_MESSAGES) hand("control");
    if (queues.control.messages.length === 0) pumpBulk();
    for (const waiter of waiters) {
      if (queuedBytes(waiter.streamId) > DRAINED_BYTES) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
  };

  return {
    push(streamId, message, priority) {
      if (isClosed) throw closedError();
      const bytes = Buffer.from(message as Uint8Array); // A copy: SCTP keeps the buffer until it is acknowledged.
      const queue = queues[priority];
      checkSize(bytes.length);
      const limit = priority === "control" ? MAX_CONTROL_BYTES : MAX_BULK_BYTES;
      if (queue.bytes + bytes.length > limit) {
        throw new VigilError("limit", `more than ${limit} bytes wait to be sent: wait until the channel has drained`);
      }
      queue.messages.push({ streamId, bytes, isText: typeof message === "string" });
      queue.bytes += bytes.length;
      bytesByStream.set(streamId, queuedBytes(streamId) + bytes.length);
      pump();
    },
    queuedBytes,
    whenDrained(streamId) {
      if (isClosed) return Promise.reject(closedError());
      if (queuedBytes(streamId) <= DRAINED_BYTES) return Promise.resolve();
      return new Promise((resolve, reject) => waiters.add({ streamId, resolve, reject }));
    },
    pump,
    close() {
      isClosed = true;
      pacing?.cancel();
      for (const queue of Object.values(queues)) Object.assign(queue, { messages: [], bytes: 0 });
      bytesByStream.clear();
      for (const { reject } of waiters) reject(closedError());
      waiters.clear();
    },
  };
}

const closedError = () => new VigilError("cancelled", "the connection is closed: dial again");

function checkSize(bytes: number): void {
  if (bytes === 0) throw new VigilError("bad_request", "an empty message cannot be sent over a data channel");
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new VigilError(
      "limit",
      `a message of ${bytes} bytes exceeds the limit of ${MAX_MESSAGE_BYTES}: send it in chunks of 16 KiB`,
    );
  }
}
