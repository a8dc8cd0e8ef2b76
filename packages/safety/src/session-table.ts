import { type EndReason, type Random, SESSION_EXPIRED, uuid, VigilError } from "@vigil/shared";
import { MAX_SESSIONS } from "./bounds.js";
import {
  type DueRenewal,
  entitledTo,
  type Instants,
  isAhead,
  type LifeOptions,
  type LifeSigns,
  lastSignOfLife,
  leasedAfter,
  renewalOf,
} from "./session-life.js";

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
  /**
   * The explicit session last used on it: calls without `viam-sid` belong to it (R5). It stays when that session is
   * lost: what was queued for it must not move by an implicit session instead (R6).
   */
  lastExplicit: string | undefined;
  transportAt: number;
  /** How many calls are open on it, by the session they count for; ANY_SESSION: for each of its sessions. */
  readonly openCalls: Map<string, number>;
}

/** Key for calls that belong to no session of their own: no id is empty. */
const ANY_SESSION = "";

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

interface Session extends TableSession, LifeSigns {
  readonly connections: Set<string>;
  transportAt: number;
  applicationAt: number;
  unchallengedAt: number;
  /** Suspended for the silence of its application (R1). */
  silent: boolean;
  /** Suspended by a knock (R6). */
  knocked: boolean;
  leased: Instants | undefined;
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

export interface SessionTableOptions extends LifeOptions {
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
  /**
   * A call to a component or service other than Stop: application evidence of the connection's sessions, or of the
   * named one alone; as long as it is open too, where no challenge is answered (R1).
   * @returns what to call, once, when the call is over.
   */
  callOpened(connection: string, session: string | undefined, now: number): () => void;

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
  storeChanged(now: number, isOfNewOne?: (id: string) => boolean): void;

  end(id: string, reason: EndReason, cause: EndCause, now: number): boolean;
  /** Its first lease could not be written: it never was. */
  abandon(id: string): void;
  /** Only the window ends it: authenticated evidence lifts the suspension (R6, the knock). */
  knock(connection: string, now: number): void;

  get(id: string): TableSession | undefined;
  all(): Iterable<TableSession>;
  connectionsWithoutSession(ids: Iterable<string>): string[];
  poll(now: number): void;
  /** When to poll next; nothing changes by itself before. */
  dueAt(): number;
}

export function createSessionTable(
  random: Random,
  effects: SessionTableEffects,
  options: SessionTableOptions,
): SessionTable {
  const maxSessions = options.maxSessions ?? MAX_SESSIONS;
  const connections = new Map<string, Connection>();
  const sessions = new Map<string, Session>();
  // Hundreds of idle clients beat and answer many times a second: what is asked at each of their signs of life looks
  // only at what may have changed.
  /** Sessions that have given evidence, or lost a connection, since their lease was last found to say all there is. */
  const changed = new Set<Session>();
  /** Connections with open calls. */
  const calling = new Set<Connection>();
  /** No session lapses or falls silent before. */
  let nextAt = Infinity;

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
      unchallengedAt: connection.challengeable ? -Infinity : now,
      silent: false,
      knocked: false,
      leased: undefined,
      get livesByMessages() {
        return livesByMessages(session);
      },
      get lastSignOfLifeAt() {
        return lastSignOfLife(session, options);
      },
      get suspended() {
        return session.silent || session.knocked;
      },
    };
    sessions.set(session.id, session);
    join(session, connection);
    return session;
  }

  function join(session: Session, connection: Connection): void {
    changed.add(session);
    session.connections.add(connection.id);
    connection.sessions.add(session.id);
    if (session.kind === "explicit") connection.lastExplicit = session.id;
    if (connection.challengeable) session.transportAt = Math.max(session.transportAt, connection.transportAt);
  }

  function livesByMessages(session: Session): boolean {
    let challengeable = false;
    for (const id of session.connections) {
      const connection = connections.get(id);
      if (connection && !connection.challengeable) return true;
      if (connection) challengeable = true;
    }
    return !challengeable;
  }

  const isOf = (session: Session, connection: Connection) =>
    session.entity === connection.entity && session.host === connection.host;

  function find(connection: Connection, id: string): Session {
    const session = sessions.get(id);
    // Whose it is not must not learn that it exists: the same answer as for an unknown one (R8b).
    if (!session || !isOf(session, connection)) throw new VigilError("session_ended", SESSION_EXPIRED);
    return session;
  }

  function noteApplication(session: Session, connection: Connection | undefined, at: number): void {
    if (!connection) return;
    changed.add(session);
    session.applicationAt = Math.max(session.applicationAt, at);
    if (!connection.challengeable) session.unchallengedAt = Math.max(session.unchallengedAt, at);
    session.knocked = false;
  }

  /** A call that is still open speaks for a client that cannot be challenged (R1). */
  function noteOpenCalls(now: number): void {
    for (const connection of calling) {
      if (connection.challengeable) continue;
      for (const id of connection.sessions) {
        const isOpen = connection.openCalls.has(id) || connection.openCalls.has(ANY_SESSION);
        if (isOpen) noteApplication(sessions.get(id)!, connection, now);
      }
    }
  }

  function closeCalls(connection: Connection, key: string): void {
    connection.openCalls.delete(key);
    if (connection.openCalls.size === 0) calling.delete(connection);
  }

  function remove(session: Session, isLost: boolean): void {
    sessions.delete(session.id);
    changed.delete(session);
    for (const id of session.connections) {
      const connection = connections.get(id);
      if (!connection) continue;
      connection.sessions.delete(session.id);
      closeCalls(connection, session.id);
      if (connection.implicit === session.id) connection.implicit = undefined;
      if (connection.lastExplicit === session.id && !isLost) connection.lastExplicit = undefined;
    }
  }

  function finish(session: Session, reason: EndReason, cause: EndCause, now: number): void {
    if (!sessions.has(session.id)) return;
    remove(session, reason === "lapsed" || reason === "revoked");
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
        openCalls: new Map(),
      });
    },
    unchallengeable(id) {
      const connection = connections.get(id);
      if (!connection) return;
      connection.challengeable = false;
      for (const sessionId of connection.sessions) changed.add(sessions.get(sessionId)!);
    },
    disconnect(id, definite, cause, now) {
      const connection = connections.get(id);
      if (!connection) return;
      connections.delete(id);
      calling.delete(connection);
      for (const sessionId of connection.sessions) {
        const session = sessions.get(sessionId)!;
        // R8b: the last one. Of one that is silent, or closed by who knows whom, only the window tells. An ended
        // session keeps its last connection: the record names whose it was.
        if (definite && session.connections.size === 1) finish(session, "closed", cause, now);
        else {
          session.connections.delete(id);
          changed.add(session);
        }
      }
    },

    open(connectionId, now) {
      table.poll(now);
      return create("explicit", connectionOf(connectionId), now);
    },
    resume(connectionId, id, now) {
      table.poll(now);
      const connection = connectionOf(connectionId);
      const session = sessions.get(id);
      if (session?.kind !== "explicit" || !isOf(session, connection)) return create("explicit", connection, now);
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
      if (!connection) return () => undefined;
      for (const id of sessionId === undefined ? connection.sessions : [sessionId]) {
        const session = sessions.get(id);
        if (session) noteApplication(session, connection, now);
      }
      const { openCalls } = connection;
      const key = sessionId ?? ANY_SESSION;
      openCalls.set(key, (openCalls.get(key) ?? 0) + 1);
      calling.add(connection);
      let isOpen = true;
      return () => {
        const count = openCalls.get(key);
        if (!isOpen || count === undefined) return;
        isOpen = false;
        if (count === 1) closeCalls(connection, key);
        else openCalls.set(key, count - 1);
      };
    },

    transportEvidence(connectionId, sentAt) {
      const connection = connections.get(connectionId);
      if (!connection?.challengeable) return;
      connection.transportAt = Math.max(connection.transportAt, sentAt);
      for (const id of connection.sessions) {
        const session = sessions.get(id)!;
        changed.add(session);
        session.transportAt = Math.max(session.transportAt, sentAt);
        session.knocked = false;
      }
    },
    applicationEvidence(connectionId, at) {
      const connection = connections.get(connectionId);
      for (const id of connection?.sessions ?? []) noteApplication(sessions.get(id)!, connection, at);
    },

    due(now) {
      // What has lapsed is over, whatever was heard of it since (R4).
      table.poll(now);
      noteOpenCalls(now);
      const renewals: DueRenewal[] = [];
      for (const session of changed) {
        if (!session.leased) continue;
        const entitled = entitledTo(session, options);
        // It stays among them until the store has accepted it.
        if (isAhead(entitled, session.leased)) renewals.push(renewalOf(session.id, entitled, options));
        else changed.delete(session);
      }
      return renewals;
    },
    firstLease: (id) => renewalOf(id, entitledTo(sessions.get(id)!, options), options),
    accepted(renewal) {
      const session = sessions.get(renewal.id);
      if (!session) return;
      session.leased = leasedAfter(session.leased, renewal);
      // One that was silent may move again: that is due by now.
      nextAt = Math.min(nextAt, session.silent ? renewal.signOfLifeAt : session.leased.moveUntil);
    },
    refused(id, now) {
      const session = sessions.get(id);
      if (session) finish(session, "lapsed", "store", now);
    },
    storeChanged(now, isOfNewOne = () => false) {
      for (const session of [...sessions.values()]) {
        if (!isOfNewOne(session.id)) finish(session, "lapsed", "store", now);
      }
    },

    end(id, reason, cause, now) {
      const session = sessions.get(id);
      if (!session) return false;
      finish(session, reason, cause, now);
      return true;
    },
    abandon(id) {
      const session = sessions.get(id);
      if (session) remove(session, false);
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
      if (now < nextAt) return;
      nextAt = Infinity;
      for (const session of [...sessions.values()]) {
        const { leased } = session;
        if (!leased) continue;
        if (now >= leased.knownUntil) {
          finish(session, "lapsed", "silent", now);
          continue;
        }
        if (now < leased.moveUntil) session.silent = false;
        else if (!session.silent) {
          session.silent = true;
          effects.suspended(session, "silent", now);
        }
        nextAt = Math.min(nextAt, session.silent ? leased.knownUntil : leased.moveUntil);
      }
    },
    dueAt: () => nextAt,
  };
  return table;
}
