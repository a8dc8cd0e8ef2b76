import { REMEMBERED_ENDS } from "./bounds.js";
import { fenceOf } from "./fence.js";
import { foldAnswer, type LeaseFacts, type LeaseView } from "./lease-view.js";

/** A session as this part knows it. */
export interface PartSession {
  readonly id: string;
  /** The data set under which it was first named here (rules.md, R4). */
  readonly incarnation: string;
  /** Undefined until the store has answered, and after a rest. */
  lease: LeaseView | undefined;
  /** How often it was fenced here; part of its fence. */
  fences: number;
  /** The beat whose lapse has been acted on, so that it is acted on once. */
  lapsedBeat: number | undefined;
  /** When a call of it was last seen, by the part's clock. */
  lastUsedAt: number;
}

/** The sessions that a part knows, those that ended here, and the part's fences. */
export interface PartSessions {
  readonly generation: number;
  get(id: string): PartSession | undefined;
  /** The session under that id, made when it is new. */
  touch(id: string, incarnation: string, now: number): PartSession;
  all(): Iterable<PartSession>;
  hasEnded(id: string): boolean;
  /** Final at this part, whatever the store says later. */
  end(id: string): void;
  forget(id: string): void;
  fence(session: { readonly id: string }): string;
  raiseFence(session: PartSession): void;
  /** New fences for every session, known here or not. */
  raiseGeneration(): void;
  fold(session: PartSession, facts: LeaseFacts, askedAt: number): void;
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
        session = { id, incarnation, lease: undefined, fences: 0, lapsedBeat: undefined, lastUsedAt: now };
        sessions.set(id, session);
      }
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
    raiseGeneration() {
      generation += 1;
      for (const session of sessions.values()) session.fences = 0;
    },
    fold(session, facts, askedAt) {
      session.lease = foldAnswer(session.lease, facts, askedAt);
    },
  };
}
