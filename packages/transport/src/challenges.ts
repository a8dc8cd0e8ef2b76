import type { Clock, Random } from "@vigil/shared";

/** Enough that no answer can be guessed. */
const INFO_BYTES = 16;
/**
 * Outstanding challenges remembered per peer. A window has at least 10 and a window lasts at most a minute; an answer
 * to an older one would be evidence from before the window, of no use to anybody. The oldest goes first.
 */
const MAX_OUTSTANDING = 64;

/** Pairs answers with challenges; what was never asked, or is answered twice, counts for nothing (rules.md, R1). */
export interface Challenges {
  /** Fresh random content for one challenge, dated now. */
  issue(): Uint8Array;
  /** When the challenge with this content was sent; undefined if there is none outstanding. */
  redeem(info: Uint8Array): number | undefined;
}

export function createChallenges({ clock, random }: { clock: Clock; random: Random }): Challenges {
  const sentAtMs = new Map<string, number>();
  return {
    issue() {
      const info = random.bytes(INFO_BYTES);
      if (sentAtMs.size >= MAX_OUTSTANDING) sentAtMs.delete(sentAtMs.keys().next().value!);
      sentAtMs.set(Buffer.from(info).toString("latin1"), clock.now());
      return info;
    },
    redeem(info) {
      const key = Buffer.from(info).toString("latin1");
      const atMs = sentAtMs.get(key);
      sentAtMs.delete(key);
      return atMs;
    },
  };
}
