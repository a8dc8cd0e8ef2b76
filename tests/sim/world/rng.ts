import type { Random } from "@vigil/shared";

/** Seeded randomness: an episode is replayed from its number. */
export interface Rng extends Random {
  /** In [0, 1). */
  float(): number;
  between(least: number, most: number): number;
  /** 0 to `below` - 1. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** An independent stream: what one part of the world draws does not shift what another does. */
  fork(): Rng;
}

/** splitmix32 for the seed, then xoshiro128**: small, fast, and good enough to drive a workload. */
export function createRng(seed: number): Rng {
  let mixed = seed >>> 0;
  const mix = () => {
    mixed = (mixed + 0x9e3779b9) >>> 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [mix(), mix(), mix(), mix()];
  const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5) >>> 0, 7), 9) >>> 0;
    const t = (b << 9) >>> 0;
    c = (c ^ a) >>> 0;
    d = (d ^ b) >>> 0;
    b = (b ^ c) >>> 0;
    a = (a ^ d) >>> 0;
    c = (c ^ t) >>> 0;
    d = rotate(d, 11);
    return result;
  };
  const rng: Rng = {
    float: () => next() / 2 ** 32,
    between: (least, most) => least + rng.float() * (most - least),
    int: (below) => Math.floor(rng.float() * below),
    chance: (probability) => rng.float() < probability,
    pick: (items) => items[rng.int(items.length)]!,
    fork: () => createRng(next()),
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
  };
  return rng;
}
