import { createStatus, OK, type Status } from "@vigil/protocol";
import { Code, type Random, uuid } from "@vigil/shared";

/** A call that runs now. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly connection: string;
  /** Wall time of its start in ms since the epoch: for people. */
  readonly startedAt: number;
  /** Set once the call is known to belong to one. */
  session: string | undefined;
  /** Set once it is relayed. */
  part: string | undefined;
  /** The operation on whose behalf a part made this call (rules.md, R8); undefined for a client's own. */
  readonly parent: string | undefined;
  /** How many parts have handed it on: 0 for a client's own call. */
  readonly hops: number;
  /** Ends it towards the client with this status and cancels it at the part. */
  cancel(status: Status): void;
}

/** The calls in flight of the whole robot. */
export interface Operations {
  add(operation: Operation): void;
  /** Its trailers are out. What was done on its behalf ends with it. */
  finish(id: string): void;
  /** A token that lets `part` call on behalf of the operation while it runs (R8). */
  mint(id: string, part: string): string;
  /** The operation behind a token that was minted for `part`; undefined for any other, and after its end. */
  byToken(token: string, part: string): Operation | undefined;
  get(id: string): Operation | undefined;
  has(id: string): boolean;
  all(): Iterable<Operation>;
  countOf(session: string): number;
  /** Cancels all that match; how many, by part ("" for calls answered by the gateway). */
  cancelWhere(matches: (operation: Operation) => boolean, status: Status): Map<string, number>;
  /** The client gave the operation up, or its connection is ending: to be told before `finish`. `at` in ms. */
  abandon(id: string, at: number): void;
  /**
   * How many operations of the session, by part, were abandoned just before `at`: a connection that closes ends its
   * calls one by one before it is known to be closed.
   */
  abandonedOf(session: string, at: number): Map<string, number>;
  /** Resolves when the operation has ended; at once if it is not known. */
  whenFinished(id: string, signal: AbortSignal): Promise<Status>;
}

/** The calls of a connection and the connection itself end within a few turns of the loop, in ms. */
const ABANDONED_MS = 100;

export function createOperations(random: Random): Operations {
  const operations = new Map<string, Operation>();
  const tokens = new Map<string, { readonly id: string; readonly part: string }>();
  const tokensOf = new Map<string, string[]>();
  const waiters = new Map<string, Set<() => void>>();
  let abandoned: { readonly session: string; readonly part: string; readonly at: number }[] = [];

  function cancelChildren(parent: string): void {
    for (const operation of [...operations.values()]) {
      if (operation.parent === parent)
        operation.cancel(createStatus(Code.cancelled, "the call that it served is over"));
    }
  }

  return {
    add: (operation) => operations.set(operation.id, operation),
    finish(id) {
      operations.delete(id);
      for (const token of tokensOf.get(id) ?? []) tokens.delete(token);
      if (tokensOf.delete(id)) cancelChildren(id);
      for (const wake of waiters.get(id) ?? []) wake();
      waiters.delete(id);
    },
    mint(id, part) {
      const token = uuid(random);
      tokens.set(token, { id, part });
      tokensOf.set(id, [...(tokensOf.get(id) ?? []), token]);
      return token;
    },
    byToken(token, part) {
      const minted = tokens.get(token);
      return minted?.part === part ? operations.get(minted.id) : undefined;
    },
    get: (id) => operations.get(id),
    has: (id) => operations.has(id),
    all: () => operations.values(),
    countOf(session) {
      let count = 0;
      for (const operation of operations.values()) if (operation.session === session) count += 1;
      return count;
    },
    cancelWhere(matches, status) {
      const byPart = new Map<string, number>();
      for (const operation of [...operations.values()]) {
        if (!matches(operation)) continue;
        const part = operation.part ?? "";
        byPart.set(part, (byPart.get(part) ?? 0) + 1);
        operation.cancel(status);
      }
      return byPart;
    },
    abandon(id, at) {
      abandoned = abandoned.filter((one) => at - one.at <= ABANDONED_MS);
      const operation = operations.get(id);
      if (operation?.session !== undefined) {
        abandoned.push({ session: operation.session, part: operation.part ?? "", at });
      }
    },
    abandonedOf(session, at) {
      const byPart = new Map<string, number>();
      for (const one of abandoned) {
        if (one.session === session && at - one.at <= ABANDONED_MS)
          byPart.set(one.part, (byPart.get(one.part) ?? 0) + 1);
      }
      abandoned = abandoned.filter((one) => one.session !== session);
      return byPart;
    },
    whenFinished(id, signal) {
      if (!operations.has(id) || signal.aborted) return Promise.resolve(OK);
      return new Promise((resolve) => {
        const set = waiters.get(id) ?? new Set();
        waiters.set(id, set);
        const wake = () => {
          signal.removeEventListener("abort", wake);
          set.delete(wake);
          resolve(OK);
        };
        set.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    },
  };
}
