import { APPLICATION_GRACE_MS, SILENT_SESSION_END_MS } from "./bounds.js";

/** What a session's clients have shown of themselves (rules.md, R1). Instants by the gateway's clock. */
export interface LifeSigns {
  readonly kind: "explicit" | "implicit";
  /** Sending of the last challenge that was answered, over its connections that can be challenged. */
  readonly transportAt: number;
  /** Last heartbeat, call or new DATA chunk, over any connection. */
  readonly applicationAt: number;
  /** The same, over connections that answer no challenges. */
  readonly unchallengedAt: number;
  /** Some connection of it answers no challenges, or none is left: its messages speak for it. */
  readonly livesByMessages: boolean;
}

export interface LifeOptions {
  readonly windowMs: number;
  /** Infinity: off. */
  readonly quietLimitMs: number;
}

/** The instants of a lease, by the gateway's clock. See LeaseInstants in @vigil/leases. */
export interface Instants {
  readonly moveUntil: number;
  readonly quietUntil: number;
  readonly knownUntil: number;
}

/** A renewal to write: instants as distances from the sign of life, in ms (R2). */
export interface DueRenewal {
  readonly id: string;
  readonly signOfLifeAt: number;
  readonly moveForMs: number;
  readonly quietForMs: number;
  readonly knownForMs: number;
}

/** The evidence that the window is counted from; the kinds are never mixed within one connection (R1). */
function evidenceAt(signs: LifeSigns): number {
  return signs.livesByMessages ? Math.max(signs.transportAt, signs.unchallengedAt) : signs.transportAt;
}

/** When an explicit session whose transport answers is suspended for the silence of its application (R1). */
function silentAt(signs: LifeSigns, { windowMs }: LifeOptions): number {
  return signs.applicationAt + windowMs + APPLICATION_GRACE_MS;
}

/** What the evidence so far entitles the session to (R1). */
export function entitledTo(signs: LifeSigns, options: LifeOptions): Instants {
  const alive = evidenceAt(signs) + options.windowMs;
  if (signs.kind === "implicit") {
    const quiet = signs.applicationAt + options.quietLimitMs;
    return { moveUntil: alive, quietUntil: Math.min(alive, quiet), knownUntil: alive };
  }
  const silent = silentAt(signs, options);
  const moveUntil = Math.min(alive, silent);
  return { moveUntil, quietUntil: moveUntil, knownUntil: Math.min(alive, silent + SILENT_SESSION_END_MS) };
}

/** The last sign of life of the kind that decides how long the session may move. */
export function lastSignOfLife(signs: LifeSigns, options: LifeOptions): number {
  const evidence = evidenceAt(signs);
  const isSilent = signs.kind === "explicit" && silentAt(signs, options) < evidence + options.windowMs;
  return isSilent ? signs.applicationAt : evidence;
}

/** The entitlement as the store takes it: distances from an instant that lies a window before its end (R2). */
export function renewalOf(id: string, instants: Instants, { windowMs }: LifeOptions): DueRenewal {
  const signOfLifeAt = instants.knownUntil - windowMs;
  return {
    id,
    signOfLifeAt,
    moveForMs: instants.moveUntil - signOfLifeAt,
    quietForMs: instants.quietUntil - signOfLifeAt,
    knownForMs: windowMs,
  };
}

/** What the store holds after it has accepted the renewal: it never lowers an instant. */
export function leasedAfter(before: Instants | undefined, renewal: DueRenewal): Instants {
  const later = (old: number | undefined, forMs: number) => Math.max(old ?? -Infinity, renewal.signOfLifeAt + forMs);
  return {
    moveUntil: later(before?.moveUntil, renewal.moveForMs),
    quietUntil: later(before?.quietUntil, renewal.quietForMs),
    knownUntil: later(before?.knownUntil, renewal.knownForMs),
  };
}

export function isAhead(entitled: Instants, leased: Instants): boolean {
  return (
    entitled.moveUntil > leased.moveUntil ||
    entitled.quietUntil > leased.quietUntil ||
    entitled.knownUntil > leased.knownUntil
  );
}
