import type { EndCause } from "@vigil/safety";
import { challengePeriodMs } from "@vigil/safety";
import { type Clock, every, type Logger, type Random, type Timer, uuid } from "@vigil/shared";
import { isDirectlyAttached, type Peer } from "@vigil/transport";
import type { Client } from "../admission/client.js";
import type { Caller, ClientConnection } from "../port/index.js";
import type { SessionKeeper } from "../sessions/session-keeper.js";
import { createSharedConnections } from "./shared-connections.js";
import { machineBootTimeMs, watchSleep } from "./sleep-watch.js";

/** Every connected client with its signs of life, whatever carries it. */
export interface Clients {
  get(id: string): Client | undefined;
  all(): Iterable<Client>;
  /** A data channel has been answered; its client lives until the peer closes. */
  addPeer(peer: Peer, about: { entity: string | undefined; home: string | undefined; remoteAddress: string }): Client;
  /** The client behind a call of a direct connection. */
  ofConnection(connection: ClientConnection, caller: Caller, entity: string | undefined): Client;
  /** The client behind a plain HTTP request: one of a pool, told apart by who and where it is. */
  ofHttp(caller: HttpCaller, entity: string | undefined): Client;
  count(carrier: Client["carrier"]): number;
  /** Resolves when all have been told the last they will hear. */
  close(): Promise<void>;
}

/** Who calls where connections are shared and come and go (R1). */
export interface HttpCaller extends Pick<Caller, "remoteAddress" | "origin" | "userAgent"> {
  /** "ip:port" */
  readonly localAddress: string;
  /** Over which it came; undefined once that is gone. */
  readonly connection: ClientConnection | undefined;
}

export interface ClientsDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** CLOCK_BOOTTIME; the machine's own by default. */
  readonly bootTimeMs?: () => number;
  readonly log: Logger;
  readonly keeper: SessionKeeper;
  arrivedAt(): number;
  /** Probes whether the port of a silent peer refuses (rules.md, R6). */
  knock(remoteAddress: string): Promise<"refused" | "silent">;
  closed(client: Client, cause: EndCause, definite: boolean): void;
}

export interface ClientsOptions {
  readonly windowMs: number;
}

/** A browser's pool that has not called for this long, in ms, and holds no session is forgotten. */
const POOL_REST_MS = 120_000;
/** A peer that hears nothing any more is answered with aborts for this long after a lapse, in ms. */
const ABORT_LINGER_MS = 10_000;
/**
 * What has been answered when a connection is cut still goes out for this long, in ms: a round trip on a slow network.
 * Nothing is heard from the client meanwhile.
 */
const FAREWELL_MS = 100;
/**
 * Challenges this often, in ms, let two missed ones and the knock after them fit into 300 ms; that costs about 20 small
 * datagrams a second for each client, so the pace slows down beyond QUICK_CLIENTS of them.
 */
const QUICK_CHALLENGE_MS = 50;
const QUICK_CLIENTS = 10;
/** In windows shorter than this, in ms, a knock would take the place of too many challenges (R1). */
const SHORT_WINDOW_MS = 1000;
/** Challenges in a row without an answer after which a client's port is knocked at (R6). */
const SILENT_INTERVALS = 2;

/**
 * Clients are challenged at so many instants of a period, all that are due at one of them together: a wake-up of this
 * process, and on one machine of the clients' as well, costs more than a challenge.
 */
const TURNS_SHARED = 10;

/** Signs of life of one client, as they come. */
interface Life {
  /** A challenge was answered that had been sent at `sentAt`. */
  answered(sentAt: number): void;
  /** Its application sent something. */
  spoke(at: number): void;
  stop(): void;
}

export function hostOf(remoteAddress: string): string {
  return remoteAddress.slice(0, remoteAddress.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

export function createClients(deps: ClientsDeps, options: ClientsOptions): Clients {
  const { clock, keeper } = deps;
  const clients = new Map<string, Client>();
  const pools = new Map<string, { client: Client; lastCallAt: number }>();
  const shared = createSharedConnections((id) => clients.has(id) && keeper.withoutSession([id]).length === 0);

  function add(client: Client, challengeable: boolean): void {
    clients.set(client.id, client);
    keeper.connect({
      id: client.id,
      entity: client.entity,
      host: hostOf(client.remoteAddress),
      challengeable,
    });
  }

  function remove(client: Client, cause: EndCause, definite: boolean): void {
    if (!clients.has(client.id)) return;
    // Who it was is still wanted for the record of the sessions that end with it.
    keeper.disconnect(client.id, definite, cause);
    clients.delete(client.id);
    shared.forget(client.id);
    deps.closed(client, cause, definite);
  }

  /** Between challenges of one client that can be knocked at, in ms: short while there are few clients. */
  const quickMs = () => QUICK_CHALLENGE_MS * Math.max(1, clients.size / QUICK_CLIENTS);

  /** Challenges at a steady pace, and knocks once the answers fail to come. */
  function watch(client: Client, challenge: () => void, isAttached: boolean, isBusy: () => boolean): Life {
    let lastAnswerSentAt = clock.now();
    /** When the next turn is due. */
    let dueAt = clock.now();
    /** How late turns were since the last answer: what this process did not read meanwhile is no silence of the client's. */
    let ownDelayMs = 0;
    /** Which silence has been knocked at: once each. On a line that loses packets there would be no end of it. */
    let knockedFor: number | undefined;
    let signs = 0;
    let knocking = false;
    let timer: Timer;

    const turn = () => {
      const now = clock.now();
      ownDelayMs += Math.max(0, now - dueAt);
      const silentMs = now - lastAnswerSentAt - ownDelayMs;
      const steadyMs = challengePeriodMs(options.windowMs, silentMs);
      const period = isAttached ? Math.min(steadyMs, quickMs()) : steadyMs;
      const grid = period / TURNS_SHARED;
      dueAt = Math.floor((now + period) / grid) * grid;
      timer = clock.after(dueAt - now, turn);
      // A dead port answers only about six packets before its kernel takes a rest: leave them to the knock.
      if (!knocking || options.windowMs < SHORT_WINDOW_MS) challenge();
      if (knocking || knockedFor === lastAnswerSentAt || silentMs < (SILENT_INTERVALS + 1) * period) return;
      if (!isAttached || isBusy()) return;
      knocking = true;
      knockedFor = lastAnswerSentAt;
      const before = signs;
      deps
        .knock(client.remoteAddress)
        .then((outcome) => {
          // Anything authenticated that came meanwhile says more than a refusal (R6).
          if (outcome === "refused" && signs === before && clients.has(client.id)) keeper.knock(client.id);
        })
        .catch((error) => deps.log.debug({ error: String(error) }, "a knock failed"))
        .finally(() => {
          knocking = false;
        });
    };
    turn();
    return {
      answered(sentAt) {
        signs += 1;
        ownDelayMs = 0;
        lastAnswerSentAt = Math.max(lastAnswerSentAt, sentAt);
        keeper.transportEvidence(client.id, sentAt);
      },
      spoke(at) {
        signs += 1;
        keeper.applicationEvidence(client.id, at);
      },
      stop: () => timer.cancel(),
    };
  }

  const sweep = every(clock, POOL_REST_MS / 4, () => {
    const resting = [...pools].filter(([, { lastCallAt }]) => clock.now() - lastCallAt > POOL_REST_MS);
    const free = new Set(keeper.withoutSession(resting.map(([, { client }]) => client.id)));
    for (const [key, { client }] of resting) {
      if (!free.has(client.id)) continue;
      pools.delete(key);
      remove(client, "closed", false);
    }
  });

  // The monotonic clock stood meanwhile: to it the clients have been silent for no time at all (R1).
  const sleep = watchSleep(clock, deps.bootTimeMs ?? machineBootTimeMs, (sleptMs) => {
    const lapsed = [...keeper.all()].filter(
      ({ lastSignOfLifeAt }) => clock.now() - lastSignOfLifeAt + sleptMs >= options.windowMs,
    );
    deps.log.warn({ sleptMs: Math.round(sleptMs), lapsed: lapsed.length }, "this machine has slept");
    for (const { id } of lapsed) keeper.end(id, "lapsed", "silent");
  });

  return {
    get: (id) => clients.get(id),
    all: () => clients.values(),
    addPeer(peer, about) {
      let farewell: Timer | undefined;
      const client: Client = {
        id: peer.id,
        carrier: "webrtc",
        get remoteAddress() {
          return peer.remoteAddress() ?? about.remoteAddress;
        },
        get localAddress() {
          return peer.localAddress() ?? "";
        },
        entity: about.entity,
        home: about.home,
        software: undefined,
        cut() {
          farewell ??= clock.after(FAREWELL_MS, () => void peer.close({ lingerMs: ABORT_LINGER_MS }));
        },
        get isCut() {
          return farewell !== undefined;
        },
      };
      add(client, true);
      const life = watch(
        client,
        () => peer.challenge(),
        isDirectlyAttached(hostOf(client.remoteAddress)),
        () => peer.isRenegotiating,
      );
      peer.on("evidence", (evidence) => {
        if (evidence.kind === "transport") life.answered(evidence.atMs);
        else life.spoke(Math.min(evidence.atMs, deps.arrivedAt()));
      });
      peer.on("closed", ({ cause }) => {
        life.stop();
        farewell?.cancel();
        const definite = cause === "abort" || cause === "shutdown" || cause === "close_notify";
        remove(client, definite ? "closed" : "silent", definite);
      });
      return client;
    },
    ofConnection(connection, caller, entity) {
      if (connection.kind === "grpc-web" || connection.httpVersion === "1.1") {
        const localAddress = `${connection.localAddress}:${connection.localPort}`;
        return ofPool({ ...caller, localAddress, connection }, entity);
      }
      const id = `${connection.id}/${entity ?? ""}`;
      const present = clients.get(id);
      if (present) {
        if (!connection.challengeable) keeper.unchallengeable(id);
        return present;
      }
      const client: Client = {
        id,
        carrier: "grpc",
        remoteAddress: `${connection.remoteAddress}:${connection.remotePort}`,
        localAddress: `${connection.localAddress}:${connection.localPort}`,
        entity,
        home: undefined,
        software: undefined,
        cut: () => shared.cut(id),
      };
      add(client, connection.challengeable);
      shared.note(connection, id);
      const life = watch(
        client,
        () => void connection.challenge(),
        false,
        () => false,
      );
      connection.on("evidence", ({ at }) => life.answered(at));
      connection.on("closed", ({ cause, definite }) => {
        life.stop();
        const why = cause === "local" || cause === "error" ? "silent" : cause === "reset" ? "process_dead" : "closed";
        remove(client, why, definite && cause !== "local");
      });
      return client;
    },
    ofHttp: ofPool,
    count(carrier) {
      let count = 0;
      for (const client of clients.values()) if (client.carrier === carrier) count += 1;
      return count;
    },
    async close() {
      sweep.cancel();
      sleep.cancel();
      const all = [...clients.values()];
      for (const client of all) client.cut();
      // Over WebRTC what they were told last has to reach them before their connections go.
      if (!all.some(({ carrier }) => carrier === "webrtc")) return;
      await new Promise<void>((resolve) => clock.after(FAREWELL_MS, resolve));
    },
  };

  /** Browsers and HTTP/1.1 clients share connections, so that they are told apart by who and where they are (R1). */
  function ofPool(caller: HttpCaller, entity: string | undefined): Client {
    const client = poolOf(caller, entity);
    if (caller.connection) shared.note(caller.connection, client.id);
    return client;
  }

  function poolOf(caller: HttpCaller, entity: string | undefined): Client {
    const key = JSON.stringify(entity ?? [caller.remoteAddress, caller.origin, caller.userAgent]);
    const present = pools.get(key);
    if (present) {
      present.lastCallAt = clock.now();
      return present.client;
    }
    const id = uuid(deps.random);
    const client: Client = {
      id,
      carrier: "grpc-web",
      remoteAddress: `${caller.remoteAddress}:0`,
      localAddress: caller.localAddress,
      entity,
      home: undefined,
      software: undefined,
      // What is queued in them names no session, and would move in a new implicit one (R6).
      cut: () => shared.cut(id),
    };
    pools.set(key, { client, lastCallAt: clock.now() });
    add(client, false);
    return client;
  }
}
