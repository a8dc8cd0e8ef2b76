/** Memory that all assemblies of a channel share. */
export interface AssemblyBudget {
  /** Bytes held now. */
  readonly heldBytes: number;
  /** False if it does not fit: nothing was taken. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createAssemblyBudget(maxBytes: number): AssemblyBudget {
  let heldBytes = 0;
  return {
    get heldBytes() {
      return heldBytes;
    },
    take(bytes) {
      if (heldBytes + bytes > maxBytes) return false;
      heldBytes += bytes;
      return true;
    },
    give(bytes) {
      heldBytes -= bytes;
    },
  };
}

/** Puts the packets of a stream together. */
export interface Assembly {
  /**
   * Adds a packet. Returns the whole message, in an array of its own, when it was the last; undefined when more must
   * come; "too_large" when the message or the channel's budget is exceeded: all of it is dropped.
   */
  add(data: Uint8Array, eom: boolean): Uint8Array | undefined | "too_large";
  /** True between the first packet of a message and its last. */
  readonly partial: boolean;
  /** Gives back what it holds. */
  drop(): void;
}

/** First allocation: room for a few packets, so that short messages do not grow step by step. */
const FIRST_CAPACITY_BYTES = 65_536;

/**
 * Packets are copied into one array that doubles: the time is linear in the message, and a packet's frame is not kept
 * (a thousand tiny packets in large frames would else hold the frames).
 */
export function createAssembly(budget: AssemblyBudget, maxMessageBytes: number): Assembly {
  let buffer: Uint8Array | undefined;
  let length = 0;

  const drop = () => {
    if (buffer !== undefined) budget.give(buffer.length);
    buffer = undefined;
    length = 0;
  };

  const reserve = (bytes: number): boolean => {
    const held = buffer?.length ?? 0;
    if (bytes <= held) return true;
    const capacity = Math.min(Math.max(bytes, held * 2, FIRST_CAPACITY_BYTES), maxMessageBytes);
    if (!budget.take(capacity - held)) return false;
    const grown = new Uint8Array(capacity);
    if (buffer !== undefined) grown.set(buffer.subarray(0, length));
    buffer = grown;
    return true;
  };

  return {
    get partial() {
      return buffer !== undefined;
    },
    drop,
    add(data, eom) {
      if (length + data.length > maxMessageBytes) {
        drop();
        return "too_large";
      }
      if (buffer === undefined && eom) return data.slice();
      if (!reserve(Math.max(length + data.length, 1))) {
        drop();
        return "too_large";
      }
      buffer?.set(data, length);
      length += data.length;
      if (!eom) return undefined;
      const message = buffer?.subarray(0, length) ?? data.slice();
      drop();
      return message;
    },
  };
}
