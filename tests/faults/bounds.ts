import type { Bound, BoundContext } from "./scenario.js";

/** rules.md, R9: P1's maximum. What a run may take beyond the promise on a machine that does other things as well. */
const SLACK_MS = 250;

const bound = (promisedMs: number, reason: string, limitMs = promisedMs + SLACK_MS): Bound => ({
  promisedMs: Math.round(promisedMs),
  limitMs: Math.round(limitMs),
  reason,
});

/** P1: silent loss, window + 50 ms; its maximum is window + 250 ms. */
export const silent = ({ windowMs }: BoundContext): Bound =>
  bound(windowMs + 50, "P1: window + 50 ms after the last sign of life", windowMs + SLACK_MS);

/** P2: a definite close, 100 ms. */
export const definite = (): Bound => bound(100, "P2: 100 ms after a definite close");

/** A killed process: its kernel closes its TCP connections, but nothing speaks for a data channel. */
export const killed = (context: BoundContext): Bound =>
  context.client.endsWith("webrtc") ? silent(context) : definite();

/** R3: a part's own challenge over the link that carries the commands, answered within min(window, 1 s). */
export const alone = ({ windowMs }: BoundContext): Bound =>
  bound(
    Math.min(windowMs, 1000) + 100,
    "R3: after min(window, 1 s) without its link, and its next look, a part stops by itself",
  );

/** R7 and P12: how fast the sentinel acts. */
export const agentDead = (): Bound => bound(50, "R7: the sentinel, 50 ms after the agent's death");
export const agentFrozen = (): Bound => bound(600, "R7: the sentinel, 600 ms after the agent's last beat");

/** What moves together stops together (stop_group "robot"): told by the gateway, once it misses the part's link. */
export const together = ({ windowMs }: BoundContext): Bound =>
  bound(
    Math.min(windowMs, 1000) + 200,
    "R4: what moves together stops together, once the gateway misses the other part's link and has told",
  );

/** R3: without the store's answer no lease lives longer than the window. */
export const unanswered = ({ windowMs }: BoundContext): Bound =>
  bound(windowMs, "R3: no answer, no motion; a lease lives for a window at most");

/** Scenario 7 of the rules: the store's clock steps while a client is silent. */
export const stepped = ({ windowMs }: BoundContext): Bound =>
  bound(1.1 * windowMs + 50, "R3, scenario 7: 1.1 x window + 50 ms");

/** R1: the transport answers, the application does not. */
export const hung = ({ windowMs, quietLimitMs, session }: BoundContext): Bound =>
  session === "explicit"
    ? bound(windowMs + 1500, "R1: window + 1.5 s after the application's last word")
    : bound(quietLimitMs, "R1: the quiet limit, of motions without an end of their own");
