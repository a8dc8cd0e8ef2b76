import { type EndReason, type Random, SESSION_EXPIRED, uuid, VigilError } from "@vigil/shared";
import { APPLICATION_GRACE_MS, MAX_SESSIONS, SILENT_SESSION_END_MS } from "./bounds.js";

/** A client's connection, as far as its signs of life go. */
export interface ClientLife {
  readonly id: string;
  /** Who it is; undefined without authentication. */
  readonly entity: string | undefined;
  /** Its address without the port: a session is bound to it (R8b). */
  readonly host: string;
  /** False: it answers no challenge of ours, so it lives by its messages alone (R1). */
  challengeable: boolean;
}

interface Connection extends ClientLife {
  readonly sessions: Set<string>;
  implicit: string | undefined;
  /** The explicit session last used on it: calls without `viam-sid` belong to it (R5). */
  lastExplicit: string | undefined;
  transportAt: number;
}

/** The instants of a lease, by the gateway's clock. See LeaseInstants in @vigil/leases. */
export interface Instants {
  readonly moveUntil: number;
  readonly quietUntil: number;
  readonly knownUntil: number;
}

export interface TableSession {
  readonly id: string;
  readonly kind: "explicit" | "implicit";
  readonly entity: string | undefined;
  readonly host: string;
  readonly openedAt: number;
  readonly connections: ReadonlySet<string>;
  /** Last sign of life of the kind that its lease is counted from. */
  readonly lastSignOfLifeAt: number;
  readonly suspended: boolean;
  /** What the store has accepted; undefined until its lease has been written. */
  readonly leased: Instants | undefined;
}

interface Session extends TableSession {
  readonly connections: Set<string>;
  transportAt: number;
  applicationAt: number;
  /** Last application evidence on a connection that answers no challenges. */
  unchallengedAt: number;
  openCalls: number;
  suspended: boolean;
  knocked: boolean;
  leased: Instants | undefined;
}

/** A renewal to write: instants as distances from the sign of life, in ms (R2). */
export interface DueRenewal {
  readonly id: string;
  readonly signOfLifeAt: number;
  readonly moveForMs: number;
  readonly quietForMs: number;
  readonly knownForMs: number;
}

export type EndCause = "silent" | "closed" | "process_dead" | "refused" | "shutdown" | "client" | "operator" | "store";
export type SuspendCause = "silent" | "knock" | "link" | "store" | "clock";

export interface SessionEnd {
  readonly session: TableSession;
  readonly reason: EndReason;
  readonly cause: EndCause;
  readonly at: number;
}

export interface SessionTableEffects {
  ended(end: SessionEnd): void;
  suspended(session: TableSession, cause: SuspendCause, now: number): void;
}

export interface SessionTableOptions {
  readonly windowMs: number;
  /** Infinity: off. */
  readonly quietLimitMs: number;
  readonly maxSessions?: number;
}

/**
 * The gateway's sessions: their signs of life, what their leases may say, their ends (rules.md, R1, R2, R6). No I/O:
 * the app writes the renewals that it finds due and tells what became of them; a session lives only as long as what
 * the store has accepted.
 */
export interface SessionTable {
  connect(client: ClientLife, now: number): void;
  /** It turned out to answer no challenges: a proxy's header, a browser's content type. */
  unchallengeable(connection: string): void;
  /** @param definite R6: authenticated and not to be taken back; else only the window decides. */
  disconnect(connection: string, definite: boolean, cause: EndCause, now: number): void;

  /** StartSession. @throws VigilError "limit" */
  open(connection: string, now: number): TableSession;
  /** StartSession with `resume`: the same session if it lives and is the caller's, else a new one. */
  resume(connection: string, id: string, now: number): TableSession;
  /** @throws VigilError "session_ended" when it is not, or not the caller's. */
  heartbeat(connection: string, id: string, now: number): TableSession;
  /**
   * The session to which a call belongs that needs a lease: the named one, else the explicit one last used on the
   * connection, else its implicit one, made now if need be; never none (R5).
   * @throws VigilError "session_ended" | "limit"
   */
  forCall(connection: string, named: string | undefined, now: number): TableSession;
  /** A call to a component or service other than Stop: application evidence of the connection's sessions. */
  callOpened(connection: string, session: string | undefined, now: number): void;
  callClosed(session: string | undefined): void;

  /** A challenge was answered that had been sent at `sentAt`. */
  transportEvidence(connection: string, sentAt: number): void;
  /** A new DATA chunk arrived. */
  applicationEvidence(connection: string, at: number): void;

  /** Renewals worth writing: new evidence has moved an instant ahead. Sessions without a lease yet are not among them. */
  due(now: number): DueRenewal[];
  /** What a new lease of this session says. */
  firstLease(id: string, now: number): DueRenewal;
  /** The store has accepted this renewal, or created the lease. */
  accepted(renewal: DueRenewal): void;
  /** The store has refused: the session is over for good. */
  refused(id: string, now: number): void;
  /** The store's data set has changed: nothing known under the old one lives on (R4). */
  storeChanged(now: number): void;

  end(id: string, reason: EndReason, cause: EndCause, now: number): boolean;
  /** Its first lease could not be written: it never was. */
  abandon(id: string): void;
  /** Only the window ends it: authenticated evidence lifts the suspension (R6, the knock). */
  knock(connection: string, now: number): void;

  get(id: string): TableSession | undefined;
  all(): Iterable<TableSession>;
  connectionsWithoutSession(ids: Iterable<string>): string[];
  poll(now: number): void;
  dueAt(): number;
}

export function createSessionTable(
  random: Random,
  effects: SessionTableEffects,
  options: SessionTableOptions,
): SessionTable {
  const { windowMs, quietLimitMs } = options;
  const maxSessions = options.maxSessions ?? MAX_SESSIONS;
  const connections = new Map<string, Connection>();
  const sessions = new Map<string, Session>();

  const connectionOf = (id: string): Connection => {
    const connection = connections.get(id);
    if (!connection) throw new VigilError("unauthenticated", "the connection is closed; dial again");
    return connection;
  };

  function create(kind: Session["kind"], connection: Connection, now: number): Session {
    if (sessions.size >= maxSessions) {
      throw new VigilError("limit", `too many concurrent sessions (${maxSessions}); close some clients`);
    }
    const session: Session = {
      id: uuid(random),
      kind,
      entity: connection.entity,
      host: connection.host,
      openedAt: now,
      connections: new Set(),
      transportAt: -Infinity,
      applicationAt: now,
      unchallengedAt: now,
      openCalls: 0,
      suspended: false,
      knocked: false,
      leased: undefined,
      get lastSignOfLifeAt() {
        return signOfLife(this as Session);
      },
    };
    sessions.set(session.id, session);
    join(session, connection);
    return session;
  }

  function join(session: Session, connection: Connection): void {
    session.connections.add(connection.id);
    connection.sessions.add(session.id);
    if (session.kind === "explicit") connection.lastExplicit = session.id;
    if (connection.challengeable) session.transportAt = Math.max(session.transportAt, connection.transportAt);
  }

  const signOfLife = (session: Session) =>
    isChallengeable(session) || session.transportAt > session.unchallengedAt
      ? session.transportAt
      : session.unchallengedAt;

  function isChallengeable(session: Session): boolean {
    for (const id of session.connections) if (connections.get(id)?.challengeable) return true;
    return false;
  }

  function hasUnchallengeable(session: Session): boolean {
    for (const id of session.connections) if (connections.get(id)?.challengeable === false) return true;
    return false;
  }

  /** What the evidence so far entitles the session to. */
  function entitled(session: Session): Instants {
    const byMessages = hasUnchallengeable(session) || !isChallengeable(session) ? session.unchallengedAt : -Infinity;
    const alive = Math.max(session.transportAt, byMessages) + windowMs;
    if (session.kind === "implicit") {
      return { moveUntil: alive, knownUntil: alive, quietUntil: Math.min(alive, session.applicationAt + quietLimitMs) };
    }
    const silent = session.applicationAt + windowMs + APPLICATION_GRACE_MS;
    const moveUntil = Math.min(alive, silent);
    return { moveUntil, quietUntil: moveUntil, knownUntil: Math.min(alive, silent + SILENT_SESSION_END_MS) };
  }

  function toRenewal(session: Session): DueRenewal {
    const instants = entitled(session);
    const signOfLifeAt = instants.knownUntil - windowMs;
    return {
      id: session.id,
      signOfLifeAt,
      moveForMs: instants.moveUntil - signOfLifeAt,
      quietForMs: instants.quietUntil - signOfLifeAt,
      knownForMs: windowMs,
    };
  }

  function find(connection: Connection, id: string): Session {
    const session = sessions.get(id);
    // Whose it is not must not learn that it exists: the same answer as for an unknown one (R8b).
    if (!session || session.entity !== connection.entity || session.host !== connection.host) {
      throw new VigilError("session_ended", SESSION_EXPIRED);
    }
    return session;
  }

  function noteApplication(session: Session, connection: Connection | undefined, at: number): void {
    session.applicationAt = Math.max(session.applicationAt, at);
    if (!connection || !connection.challengeable) session.unchallengedAt = Math.max(session.unchallengedAt, at);
  }

  function remove(session: Session): void {
    sessions.delete(session.id);
    for (const id of session.connections) {
      const connection = connections.get(id);
      if (!connection) continue;
      connection.sessions.delete(session.id);
      if (connection.implicit === session.id) connection.implicit = undefined;
      if (connection.lastExplicit === session.id) connection.lastExplicit = undefined;
    }
  }

  function finish(session: Session, reason: EndReason, cause: EndCause, now: number): void {
    if (!sessions.has(session.id)) return;
    remove(session);
    effects.ended({ session, reason, cause, at: now });
  }

  const table: SessionTable = {
    connect(client, now) {
      connections.set(client.id, {
        ...client,
        sessions: new Set(),
        implicit: undefined,
        lastExplicit: undefined,
        transportAt: now,
      });
    },
    unchallengeable(id) {
      const connection = connections.get(id);
      if (connection) connection.challengeable = false;
    },
    disconnect(id, definite, cause, now) {
      const connection = connections.get(id);
      if (!connection) return;
      connections.delete(id);
      for (const sessionId of connection.sessions) {
        const session = sessions.get(sessionId)!;
        session.connections.delete(id);
        if (definite && session.connections.size === 0) finish(session, "closed", cause, now);
      }
    },

    open(connectionId, now) {
      return create("explicit", connectionOf(connectionId), now);
    },
    resume(connectionId, id, now) {
      const connection = connectionOf(connectionId);
      const session = sessions.get(id);
      if (session?.kind !== "explicit" || session.entity !== connection.entity || session.host !== connection.host) {
        return create("explicit", connection, now);
      }
      join(session, connection);
      noteApplication(session, connection, now);
      return session;
    },
    heartbeat(connectionId, id, now) {
      table.poll(now);
      const connection = connectionOf(connectionId);
      const session = find(connection, id);
      join(session, connection);
      noteApplication(session, connection, now);
      return session;
    },
    forCall(connectionId, named, now) {
      table.poll(now);
      const connection = connectionOf(connectionId);
      const wanted = named ?? connection.lastExplicit ?? connection.implicit;
      if (wanted !== undefined) {
        const session = find(connection, wanted);
        join(session, connection);
        return session;
      }
      const session = create("implicit", connection, now);
      connection.implicit = session.id;
      return session;
    },
    callOpened(connectionId, sessionId, now) {
      const connection = connections.get(connectionId);
      const session = sessionId === undefined ? undefined : sessions.get(sessionId);
      if (session) {
        session.openCalls += 1;
        noteApplication(session, connection, now);
      } else if (connection) {
        for (const id of connection.sessions) noteApplication(sessions.get(id)!, connection, now);
      }
    },
    callClosed(sessionId) {
      const session = sessionId === undefined ? undefined : sessions.get(sessionId);
      if (session) session.openCalls -= 1;
    },

    transportEvidence(connectionId, sentAt) {
      const connection = connections.get(connectionId);
      if (!connection?.challengeable) return;
      connection.transportAt = Math.max(connection.transportAt, sentAt);
      for (const id of connection.sessions) {
        const session = sessions.get(id)!;
        session.transportAt = Math.max(session.transportAt, sentAt);
        session.knocked = false;
      }
    },
    applicationEvidence(connectionId, at) {
      const connection = connections.get(connectionId);
      if (!connection) return;
      for (const id of connection.sessions) {
        const session = sessions.get(id)!;
        noteApplication(session, connection, at);
        session.knocked = false;
      }
    },

    due(now) {
      const renewals: DueRenewal[] = [];
      for (const session of sessions.values()) {
        if (!session.leased || session.knocked) continue;
        // A call that is still open speaks for a client that cannot be challenged (R1).
        if (session.openCalls > 0 && hasUnchallengeable(session)) session.unchallengedAt = now;
        const { moveUntil, quietUntil, knownUntil } = entitled(session);
        const { leased } = session;
        if (moveUntil > leased.moveUntil || quietUntil > leased.quietUntil || knownUntil > leased.knownUntil) {
          renewals.push(toRenewal(session));
        }
      }
      return renewals;
    },
    firstLease(id, _now) {
      return toRenewal(sessions.get(id)!);
    },
    accepted({ id, signOfLifeAt, moveForMs, quietForMs, knownForMs }) {
      const session = sessions.get(id);
      if (!session) return;
      const before = session.leased;
      session.leased = {
        moveUntil: Math.max(before?.moveUntil ?? -Infinity, signOfLifeAt + moveForMs),
        quietUntil: Math.max(before?.quietUntil ?? -Infinity, signOfLifeAt + quietForMs),
        knownUntil: Math.max(before?.knownUntil ?? -Infinity, signOfLifeAt + knownForMs),
      };
    },
    refused(id, now) {
      const session = sessions.get(id);
      if (session) finish(session, "lapsed", "store", now);
    },
    storeChanged(now) {
      for (const session of [...sessions.values()]) finish(session, "lapsed", "store", now);
    },

    end(id, reason, cause, now) {
      const session = sessions.get(id);
      if (!session) return false;
      finish(session, reason, cause, now);
      return true;
    },
    abandon(id) {
      const session = sessions.get(id);
      if (session) remove(session);
    },
    knock(connectionId, now) {
      const connection = connections.get(connectionId);
      for (const id of connection?.sessions ?? []) {
        const session = sessions.get(id)!;
        if (session.knocked) continue;
        session.knocked = true;
        effects.suspended(session, "knock", now);
      }
    },

    get: (id) => sessions.get(id),
    all: () => sessions.values(),
    connectionsWithoutSession: (ids) => [...ids].filter((id) => connections.get(id)?.sessions.size === 0),
    poll(now) {
      for (const session of [...sessions.values()]) {
        const { leased } = session;
        if (!leased) continue;
        if (now >= leased.knownUntil) finish(session, "lapsed", "silent", now);
        else if (now < leased.moveUntil) session.suspended = false;
        else if (!session.suspended) {
          session.suspended = true;
          effects.suspended(session, "silent", now);
        }
      }
    },
    dueAt() {
      let due = Infinity;
      for (const { leased, suspended } of sessions.values()) {
        if (leased) due = Math.min(due, suspended ? leased.knownUntil : leased.moveUntil);
      }
      return due;
    },
  };
  return table;
}
