import { LINK_FRESH_MS } from "./bounds.js";

/**
 * Whether the path over which a Stop would come still works (rules.md, R3): a challenge of the part's own over the link
 * was answered that had been sent less than min(window, 1 s) ago.
 */
export interface LinkEvidence {
  alive(sentAt: number): void;
  /** The link is gone, or the clock cannot be trusted over the gap: what was sent before `now` proves nothing. */
  distrust(now: number): void;
  isFresh(windowMs: number, now: number): boolean;
  freshUntil(windowMs: number): number;
}

export function createLinkEvidence(): LinkEvidence {
  let evidenceAt = -Infinity;
  let trustedFrom = -Infinity;
  const freshUntil = (windowMs: number) => evidenceAt + Math.min(windowMs, LINK_FRESH_MS);
  return {
    alive(sentAt) {
      if (sentAt >= trustedFrom && sentAt > evidenceAt) evidenceAt = sentAt;
    },
    distrust(now) {
      trustedFrom = now;
      evidenceAt = -Infinity;
    },
    isFresh: (windowMs, now) => now < freshUntil(windowMs),
    freshUntil,
  };
}
