import { type Clock, every } from "@vigil/shared";

/** Challenges a peer at a steady pace, from now until stopped. */
export interface Challenger {
  stop(): void;
}

/** `intervalMs` is at most a tenth of the window (rules.md, R1). The first challenge leaves at once. */
export function createChallenger(
  { clock, peer }: { clock: Clock; peer: { challenge(): void } },
  { intervalMs }: { intervalMs: number },
): Challenger {
  peer.challenge();
  const timer = every(clock, intervalMs, () => peer.challenge());
  return { stop: () => timer.cancel() };
}
