/**
 * Messages of a stream that its reader has not taken yet. A reader that is slower than its sender for long ends its own
 * call: neither data channels nor the seam have a way to hold the sender back.
 */
export const MAX_QUEUED_MESSAGES = 1024;

/** Their serialised bytes, 32 MiB: one message of the largest size fits always. */
export const MAX_QUEUED_BYTES = 2 ** 25;

/** One writer, one reader, bounded. */
export interface MessageQueue<T> {
  readonly messages: AsyncIterable<T>;
  /** False when the queue is full: the message was not taken. After the end or a return of the reader it is dropped. */
  push(message: T, bytes: number): boolean;
  /** The reader sees the end after what is queued. */
  end(): void;
  /** The reader's next turn throws `error`; what is queued is dropped. */
  fail(error: unknown): void;
}

export interface MessageQueueOptions {
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  /** The reader stopped before the end. */
  readonly onReturn?: () => void;
}

export function createMessageQueue<T>(options: MessageQueueOptions = {}): MessageQueue<T> {
  const { maxMessages = MAX_QUEUED_MESSAGES, maxBytes = MAX_QUEUED_BYTES } = options;
  let queued: { message: T; bytes: number }[] = [];
  let taken = 0;
  let queuedBytes = 0;
  let state: { kind: "open" } | { kind: "ended" } | { kind: "failed"; error: unknown } = { kind: "open" };
  let waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void } | undefined;

  const settle = (next: typeof state) => {
    if (state.kind !== "open") return;
    state = next;
    if (next.kind === "failed") clear();
    const reader = waiting;
    waiting = undefined;
    if (next.kind === "failed") reader?.reject(next.error);
    else reader?.resolve({ done: true, value: undefined });
  };

  const clear = () => {
    queued = [];
    taken = 0;
    queuedBytes = 0;
  };

  const next = (): Promise<IteratorResult<T>> => {
    const head = queued[taken];
    if (head !== undefined) {
      taken++;
      queuedBytes -= head.bytes;
      // The array is cut in large steps: shifting every time would be quadratic.
      if (taken === queued.length || taken >= 256) {
        queued = queued.slice(taken);
        taken = 0;
      }
      return Promise.resolve({ done: false, value: head.message });
    }
    if (state.kind === "failed") return Promise.reject(state.error);
    if (state.kind === "ended") return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      waiting = { resolve, reject };
    });
  };

  const iterator: AsyncIterator<T> = {
    next,
    return() {
      const early = state.kind === "open";
      settle({ kind: "ended" });
      clear();
      if (early) options.onReturn?.();
      return Promise.resolve({ done: true, value: undefined });
    },
  };

  return {
    messages: { [Symbol.asyncIterator]: () => iterator },
    push(message, bytes) {
      if (state.kind !== "open") return true;
      if (waiting !== undefined) {
        const reader = waiting;
        waiting = undefined;
        reader.resolve({ done: false, value: message });
        return true;
      }
      const count = queued.length - taken;
      if (count >= maxMessages || (count > 0 && queuedBytes + bytes > maxBytes)) return false;
      queued.push({ message, bytes });
      queuedBytes += bytes;
      return true;
    },
    end: () => settle({ kind: "ended" }),
    fail: (error) => settle({ kind: "failed", error }),
  };
}
