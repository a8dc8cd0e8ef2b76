import type { LeaseStore } from "@vigil/leases";
import {
  type ClientLife,
  createSessionTable,
  type EndCause,
  type SessionEnd,
  type SessionTable,
  type SuspendCause,
  type TableSession,
  TICK_MS,
} from "@vigil/safety";
import {
  type Clock,
  type EndReason,
  every,
  type Logger,
  type Random,
  SESSION_EXPIRED,
  type Timer,
  VigilError,
} from "@vigil/shared";

/** Joins the session table to the lease store: what the table finds due is written, what the store says is told. */
export interface SessionKeeper {
  connect(client: ClientLife): void;
  unchallengeable(connection: string): void;
  disconnect(connection: string, definite: boolean, cause: EndCause): void;
  transportEvidence(connection: string, sentAt: number): void;
  applicationEvidence(connection: string, at: number): void;
  /** Returns what to call when the call is over. */
  callOpened(connection: string, session: string | undefined, at: number): () => void;
  knock(connection: string): void;

  /** StartSession; `resume` may be empty. Resolves once the store has its lease. */
  start(connection: string, resume: string): Promise<TableSession>;
  /** Resolves once the store has accepted the renewal (R2). */
  heartbeat(connection: string, id: string, at: number): Promise<void>;
  /** The session of a call that needs a lease, and the data set its lease stands in; a promise only for a new lease. */
  forCall(connection: string, named: string | undefined): LeasedSession | Promise<LeasedSession>;
  /** The session, if it lives and has its lease: for calls on its behalf (R8). */
  leased(id: string): LeasedSession | undefined;
  /** Like forCall for calls that need none: undefined when the caller names none or a dead one. */
  named(connection: string, id: string | undefined): string | undefined;
  end(id: string, reason: EndReason, cause: EndCause): boolean;

  get(id: string): TableSession | undefined;
  all(): Iterable<TableSession>;
  withoutSession(connections: Iterable<string>): string[];
  close(): void;
}

export interface LeasedSession {
  readonly id: string;
  readonly incarnation: string;
}

export interface SessionKeeperDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: LeaseStore;
  readonly log: Logger;
  ended(end: SessionEnd): void;
  suspended(session: TableSession, cause: SuspendCause): void;
}

export interface SessionKeeperOptions {
  readonly windowMs: number;
  readonly quietLimitMs: number;
}

/**
 * From this window on, in ms, the keeper's tick renews often enough for answered challenges: ten times a window. A
 * renewal says when the sign of life was, not when it was written, so it may wait that long; hundreds of clients would
 * else each make the store's round trips many times a tick.
 */
const TICKED_WINDOW_MS = 10 * TICK_MS;

export function createSessionKeeper(deps: SessionKeeperDeps, options: SessionKeeperOptions): SessionKeeper {
  const { clock, store, log } = deps;
  const incarnations = new Map<string, string>();
  const creating = new Map<string, Promise<LeasedSession>>();
  /** How often each session has been suspended. */
  const suspensions = new Map<string, number>();
  /** Sessions whose last renewal the store did not accept. */
  const notRenewed = new Set<string>();
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  let storeFailing = false;
  let lastIncarnation = store.incarnation;

  const table: SessionTable = createSessionTable(
    deps.random,
    {
      ended(end) {
        incarnations.delete(end.session.id);
        notRenewed.delete(end.session.id);
        suspensions.delete(end.session.id);
        // Only a hurry: the lease ends by itself, and the parts' own deadlines with it.
        store.end(end.session.id).catch((error) => log.debug({ error }, "could not end a lease in the store"));
        deps.ended(end);
      },
      suspended(session, cause) {
        suspensions.set(session.id, (suspensions.get(session.id) ?? 0) + 1);
        deps.suspended(session, cause);
      },
    },
    options,
  );

  let armedFor = Infinity;
  let timer: Timer | undefined;
  const arm = () => {
    const due = table.dueAt();
    if (due >= armedFor) return;
    timer?.cancel();
    armedFor = due;
    timer = clock.after(due - clock.now(), () => {
      armedFor = Infinity;
      table.poll(clock.now());
      arm();
    });
  };

  async function flush(): Promise<void> {
    const due = table.due(clock.now());
    if (due.length === 0) return;
    try {
      const outcomes = await store.renew(due);
      storeFailing = false;
      due.forEach((renewal, index) => {
        const outcome = outcomes[index];
        if (outcome === "renewed") {
          notRenewed.delete(renewal.id);
          table.accepted(renewal);
        } else if (outcome === "gone") table.refused(renewal.id, clock.now());
        else notRenewed.add(renewal.id);
      });
    } catch (error) {
      if (!storeFailing) log.warn({ error: VigilError.from(error).message }, "leases could not be renewed");
      storeFailing = true;
      throw error;
    } finally {
      arm();
    }
  }

  /**
   * One renewal round trip at a time, and one that waits for it: evidence that comes meanwhile goes with that, however
   * many clients it came from.
   */
  function renewSoon(): Promise<void> {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        running = flush();
        return running;
      });
    return next;
  }

  const turn = every(clock, TICK_MS, () => {
    table.poll(clock.now());
    renewSoon().catch(() => undefined);
  });

  const unsubscribe = store.onIncarnation((incarnation) => {
    if (incarnation === undefined || incarnation === lastIncarnation) return;
    const known = lastIncarnation !== undefined;
    lastIncarnation = incarnation;
    if (known) {
      log.warn({}, "the lease store has a new data set: every session ends");
      table.storeChanged(clock.now(), (id) => creating.has(id) || incarnations.get(id) === incarnation);
    }
  });

  function createLease(session: TableSession): Promise<LeasedSession> {
    const first = table.firstLease(session.id, clock.now());
    const pending = store
      .create({ ...first, windowMs: options.windowMs })
      .then(({ incarnation }) => {
        lastIncarnation ??= incarnation;
        if (incarnation !== lastIncarnation) {
          throw new VigilError("store_unavailable", "the lease store's data set has just changed: start again");
        }
        if (!table.get(session.id)) throw new VigilError("session_ended", SESSION_EXPIRED);
        incarnations.set(session.id, incarnation);
        table.accepted(first);
        arm();
        return { id: session.id, incarnation };
      })
      .catch((error) => {
        table.abandon(session.id);
        suspensions.delete(session.id);
        throw VigilError.from(error, "store_unavailable");
      })
      .finally(() => creating.delete(session.id));
    creating.set(session.id, pending);
    return pending;
  }

  function leased(session: TableSession): LeasedSession | Promise<LeasedSession> {
    const incarnation = incarnations.get(session.id);
    if (incarnation !== undefined) return { id: session.id, incarnation };
    return creating.get(session.id) ?? createLease(session);
  }

  return {
    connect: (client) => table.connect(client, clock.now()),
    unchallengeable: (connection) => table.unchallengeable(connection),
    disconnect: (connection, definite, cause) => table.disconnect(connection, definite, cause, clock.now()),
    transportEvidence(connection, sentAt) {
      table.transportEvidence(connection, sentAt);
      if (options.windowMs < TICKED_WINDOW_MS) renewSoon().catch(() => undefined);
    },
    applicationEvidence: (connection, at) => table.applicationEvidence(connection, at),
    callOpened: (connection, session, at) => table.callOpened(connection, session, at),
    knock: (connection) => table.knock(connection, clock.now()),

    async start(connection, resume) {
      const now = clock.now();
      const session = resume === "" ? table.open(connection, now) : table.resume(connection, resume, now);
      await leased(session);
      return session;
    },
    async heartbeat(connection, id, at) {
      table.heartbeat(connection, id, at);
      await renewSoon();
      if (!table.get(id)) throw new VigilError("session_ended", SESSION_EXPIRED);
      if (notRenewed.has(id)) {
        throw new VigilError("store_unavailable", "the lease store refused the renewal: it came too late; beat again");
      }
    },
    forCall(connection, named) {
      const session = table.forCall(connection, named, clock.now());
      const { id } = session;
      const lease = leased(session);
      if (!(lease instanceof Promise)) return lease;
      const before = suspensions.get(id);
      return lease.then((written) => {
        if (suspensions.get(id) === before) return written;
        // It was commanded before the suspension, and none of that may move afterwards (R4).
        throw new VigilError("fenced", "the session was suspended while its lease was written; command again");
      });
    },
    leased(id) {
      const incarnation = incarnations.get(id);
      return incarnation !== undefined && table.get(id) ? { id, incarnation } : undefined;
    },
    named(connection, id) {
      if (id === undefined || !table.get(id)) return undefined;
      try {
        return table.forCall(connection, id, clock.now()).id;
      } catch (error) {
        if (error instanceof VigilError) return undefined;
        throw error;
      }
    },
    end: (id, reason, cause) => table.end(id, reason, cause, clock.now()),

    get: (id) => table.get(id),
    all: () => table.all(),
    withoutSession: (connections) => table.connectionsWithoutSession(connections),
    close() {
      turn.cancel();
      timer?.cancel();
      unsubscribe();
    },
  };
}
