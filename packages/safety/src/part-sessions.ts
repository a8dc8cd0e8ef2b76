import { REMEMBERED_ENDS } from "./bounds.js";
import { fenceOf } from "./fence.js";
import { foldAnswer, type LeaseFacts, type LeaseView } from "./lease-view.js";

/** A session as this part knows it. */
export interface PartSession {
  readonly id: string;
  /** The data set under which it was first named here (rules.md, R4); undefined: only ever named by a suspension. */
  incarnation: string | undefined;
  /** What the store has answered; kept while the session is known here, so that an old beat stays old (R3). */
  lease: LeaseView | undefined;
  /** Questions asked before this instant prove nothing for it any more: it was fenced since (R5). */
  askedFrom: number;
  /** When the newest question was asked whose answer is in `lease`. */
  askedAt: number;
  /** How often it was fenced here; part of its fence. */
  fences: number;
  /** When a call of it was last seen, by the part's clock. */
  lastUsedAt: number;
}

/** The sessions that a part knows, those that ended here, and the part's fences (R4). */
export interface PartSessions {
  readonly generation: number;
  get(id: string): PartSession | undefined;
  /** The session under that id, made when it is new. */
  touch(id: string, incarnation: string | undefined, now: number): PartSession;
  all(): Iterable<PartSession>;
  hasEnded(id: string): boolean;
  /** Final at this part, whatever the store says later. */
  end(id: string): void;
  forget(id: string): void;
  fence(session: { readonly id: string }): string;
  raiseFence(session: PartSession): void;
  /** New fences for every session, known here or not; their leases have to be asked for anew. */
  raiseGeneration(now: number): void;
  fold(session: PartSession, facts: LeaseFacts, askedAt: number): void;
}

/** The lease that the session may act on: undefined until a question has been answered that was asked late enough. */
export function leaseOf(session: PartSession): LeaseView | undefined {
  return session.askedAt >= session.askedFrom ? session.lease : undefined;
}

export function createPartSessions(bootId: string): PartSessions {
  const sessions = new Map<string, PartSession>();
  /** Insertion order: the oldest end goes first. */
  const ended = new Set<string>();
  let generation = 0;
  return {
    get generation() {
      return generation;
    },
    get: (id) => sessions.get(id),
    touch(id, incarnation, now) {
      let session = sessions.get(id);
      if (!session) {
        session = {
          id,
          incarnation,
          lease: undefined,
          askedFrom: -Infinity,
          askedAt: -Infinity,
          fences: 0,
          lastUsedAt: now,
        };
        sessions.set(id, session);
      }
      session.incarnation ??= incarnation;
      session.lastUsedAt = now;
      return session;
    },
    all: () => sessions.values(),
    hasEnded: (id) => ended.has(id),
    end(id) {
      sessions.delete(id);
      ended.add(id);
      if (ended.size > REMEMBERED_ENDS) {
        for (const oldest of ended) {
          ended.delete(oldest);
          break;
        }
      }
    },
    forget: (id) => sessions.delete(id),
    fence: ({ id }) => fenceOf(bootId, generation, sessions.get(id)?.fences ?? 0),
    raiseFence(session) {
      session.fences += 1;
    },
    raiseGeneration(now) {
      generation += 1;
      for (const session of sessions.values()) {
        session.fences = 0;
        session.askedFrom = now;
      }
    },
    fold(session, facts, askedAt) {
      if (askedAt < session.askedFrom) return;
      const view = foldAnswer(session.lease, facts, askedAt);
      // An answer older than the view confirms nothing.
      if (view === session.lease && facts.beat !== view.beat) return;
      session.lease = view;
      session.askedAt = Math.max(session.askedAt, askedAt);
    },
  };
}
