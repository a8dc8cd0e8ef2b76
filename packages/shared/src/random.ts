import { randomFillSync } from "node:crypto";

/** Source of randomness, passed in so that a simulation can be replayed from its seed. */
export interface Random {
  bytes(count: number): Uint8Array;
}

/** Drawn from the system at once; each of its bytes is given out once. A draw of its own takes 4 us, for ids and challenges. */
const POOL_BYTES = 4096;

function createSystemRandom(): Random {
  let pool = Buffer.alloc(0);
  let at = 0;
  return {
    bytes(count) {
      if (count > POOL_BYTES) return randomFillSync(Buffer.allocUnsafeSlow(count));
      if (at + count > pool.length) {
        // A new one each time: who was given bytes of the last one may keep them.
        pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES));
        at = 0;
      }
      at += count;
      return pool.subarray(at - count, at);
    },
  };
}

export const systemRandom: Random = createSystemRandom();

/** A random (version 4) UUID in its canonical text form. Session and operation ids are made here and never reused. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The short form of an id that is a secret: the only form that lists, logs and pages may show (rules.md, R8b). */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
