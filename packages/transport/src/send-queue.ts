import { type Clock, createDelayWindow, type Timer, VigilError } from "@vigil/shared";
import type { Priority } from "./peer.js";

/** RFC 8841's default limit of a data-channel message is 64 KiB; Viam's framing keeps to 65,535 (viam-wire.md). */
const MAX_MESSAGE_BYTES = 65_535;
/** Per peer. A control message is small: a queue of this size means that nothing has been acknowledged for seconds. */
const MAX_CONTROL_BYTES = 1024 * 1024;
/** Per peer. Two camera images; what produces more has to wait for `whenDrained`. */
const MAX_BULK_BYTES = 4 * 1024 * 1024;
/** Low watermark for `whenDrained`: enough to keep the link busy while the producer wakes up. */
const DRAINED_BYTES = 64 * 1024;
/**
 * Chunks in SCTP's queue, none of them sent yet, up to which more messages are handed on. SCTP has one FIFO for all:
 * what stands in it is ahead of every later control message. 64 small messages keep it busy between two
 * acknowledgements; of bulk two pieces of 16 KiB do, 4 ms at 8 MB/s.
 */
const MAX_WAITING_CONTROL_CHUNKS = 64;
const MAX_WAITING_BULK_CHUNKS = 14;
/**
 * For one peer. Encrypting and sending 10 MB/s is all that a slow core can do (measured: 85 % of the loop, a control
 * message 30 ms later at the 99th percentile; 22 ms at this pace; 0.5 to 3 s unpaced).
 */
const BULK_BYTES_PER_MS = 8000;
/** How far the pacing may catch up after an idle time: one piece, 1.5 ms of the loop. */
const MAX_BURST_BYTES = 16 * 1024;

/**
 * Bulk that the other side has not acknowledged. SCTP would have as much on its way as the other side takes (libwebrtc
 * and usrsctp: 1 MB), and a control message waits behind all of it: 330 ms where 3 MB/s get through (measured). At the
 * least one piece of 16 KiB, at the most what the other side takes.
 */
const BULK_WINDOW = {
  leastBytes: 2 ** 14,
  firstBytes: 2 ** 16,
  mostBytes: 2 ** 20,
  bytesPerMs: BULK_BYTES_PER_MS,
  lowMs: 2,
  highMs: 5,
} as const;

/** What the queue needs of the association. */
export interface MessageSink {
  readonly isReady: boolean;
  /** Chunks queued in the association that were never sent. */
  readonly waitingChunks: number;
  /** @returns a mark for `isAcknowledged`: where the message ends. */
  queue(streamId: number, message: Buffer, isText: boolean): number;
  /** Whether the other side has everything up to the mark. */
  isAcknowledged(mark: number): boolean;
  /** Sends as much of what was queued as the network allows. */
  transmit(): void;
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

/** Orders what a peer sends: control first, bulk paced by rate and by the delay that it adds, bounded in bytes. */
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
  const window = createDelayWindow(BULK_WINDOW);
  /** Bulk on its way, the oldest first. */
  const onWay: { mark: number; bytes: number; sentAtMs: number; onEmptyPath: boolean }[] = [];
  const waiters = new Set<Waiter>();
  let bulkTokens = MAX_BURST_BYTES;
  let tokensAtMs = clock.now();
  let pacing: Timer | undefined;
  let isClosed = false;
  let isPumping = false;

  const queuedBytes = (streamId: number) => bytesByStream.get(streamId) ?? 0;

  const hand = (priority: Priority) => {
    const queue = queues[priority];
    const { streamId, bytes, isText } = queue.messages.shift()!;
    queue.bytes -= bytes.length;
    bytesByStream.set(streamId, queuedBytes(streamId) - bytes.length);
    return { mark: sink.queue(streamId, bytes, isText), bytes: bytes.length };
  };

  const noteAcknowledged = () => {
    const now = clock.now();
    let count = 0;
    for (const { mark, bytes, sentAtMs, onEmptyPath } of onWay) {
      if (!sink.isAcknowledged(mark)) break;
      window.confirmed(bytes, now - sentAtMs, onEmptyPath);
      count += 1;
    }
    onWay.splice(0, count);
  };

  const refillTokens = () => {
    const now = clock.now();
    bulkTokens = Math.min(MAX_BURST_BYTES, bulkTokens + (now - tokensAtMs) * BULK_BYTES_PER_MS);
    tokensAtMs = now;
  };

  const pumpBulk = (): boolean => {
    const { bulk } = queues;
    refillTokens();
    noteAcknowledged();
    let hasHanded = false;
    while (bulk.messages.length > 0 && window.hasRoom && sink.waitingChunks <= MAX_WAITING_BULK_CHUNKS) {
      if (bulkTokens <= 0) {
        pacing ??= clock.after(1, () => {
          pacing = undefined;
          pump();
        });
        break;
      }
      const { mark, bytes } = hand("bulk");
      bulkTokens -= bytes;
      onWay.push({ mark, bytes, sentAtMs: clock.now(), onEmptyPath: window.sent(bytes) });
      hasHanded = true;
    }
    return hasHanded;
  };

  const pump = () => {
    if (isClosed || isPumping || !sink.isReady) return;
    isPumping = true;
    let hasHanded = false;
    while (queues.control.messages.length > 0 && sink.waitingChunks < MAX_WAITING_CONTROL_CHUNKS) {
      hand("control");
      hasHanded = true;
    }
    if (queues.control.messages.length === 0 && pumpBulk()) hasHanded = true;
    isPumping = false;
    if (hasHanded) sink.transmit();
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
