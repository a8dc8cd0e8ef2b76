import { type Clock, createEmitter, type Random, type Timer, uuid, VigilError } from "@vigil/shared";
import { parseRedisUrl, type RedisConnection, type RedisConnectionOptions, RedisReply } from "./redis-connection.js";
import { keepRedisLine } from "./redis-line.js";
import { refusalFrom, refusalOf } from "./redis-refusal.js";
import { OPEN_SCRIPT, type RedisScript, STORE_CHANGED } from "./redis-scripts.js";

/** pino's shape, as far as a store needs it. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface RedisStoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: StoreLog;
}

export interface RedisDataSetOptions extends RedisConnectionOptions {
  readonly incarnationKey: string;
  /** A reader never writes a key: it opens no data set that no writer has opened. */
  readonly role: "writer" | "reader";
}

/**
 * How often an idle connection asks for the incarnation, the role and the time, in ms. Bounds how long a lost FLUSHALL,
 * a server turned replica or a dead line goes unnoticed while no lease is written, and how old the pair (store time, own
 * time) is when the next one is.
 */
const PROBE_INTERVAL_MS = 1000;

/** Replies after which the server is no store for us at all: what we believe of it has to be asked anew. */
const FATAL_REPLIES = new Set(["READONLY", "MASTERDOWN", "LOADING", "NOAUTH"]);

/** What a standing connection has learned. The pair (store time, own time) is that of the last reply (rules.md, R2). */
export interface OpenDataSet {
  readonly incarnation: string;
  /** Own monotonic time in ms as whole microseconds of the store's time. */
  toStoreTimeUs(ownTimeMs: number): number;
  /**
   * Runs a script that takes the incarnation key first and the incarnation as its first argument. Resolves with what
   * follows the store's time in its reply; rejects with "store_unavailable".
   */
  ask(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<readonly number[]>;
}

/** The data set behind one Redis address, whichever server holds it at the moment: equal only while its incarnation is. */
export interface RedisDataSet {
  /** Undefined while there is none that may be used. */
  readonly current: OpenDataSet | undefined;
  onIncarnation(listener: (incarnation: string | undefined) => void): () => void;
  /** Resolves when the first attempt is over: with why it failed, if it did. */
  readonly firstAttempt: Promise<Error | undefined>;
  close(): void;
}

export function followRedisDataSet(deps: RedisStoreDeps, options: RedisDataSetOptions): RedisDataSet {
  const { clock, random, log } = deps;
  const { host, port, db } = parseRedisUrl(options.url);
  const events = createEmitter<{ incarnation: string | undefined }>();
  let current: OpenDataSet | undefined;
  let probeTimer: Timer | undefined;
  let lastTrouble: string | undefined;
  let closed = false;

  function become(next: OpenDataSet | undefined): void {
    const before = current?.incarnation;
    current = next;
    if (next?.incarnation !== before && !closed) events.emit("incarnation", next?.incarnation);
  }

  /** Asks which data set this is, and opens it. Throws when there is none that may be used. */
  async function probe(connection: RedisConnection): Promise<void> {
    probeTimer?.cancel();
    const mode = options.role === "writer" ? "write" : "read";
    const reply = await run(connection, OPEN_SCRIPT, [options.incarnationKey], [uuid(random), mode]);
    const [, storeTimeUs, incarnation, role, policy] = reply as [number, number, string, string, string];
    const refusal = refusalOf(role, policy);
    if (refusal) throw refusal;
    if (incarnation === "") throw new VigilError("store_unavailable", "no gateway has opened the lease store yet");
    if (closed) return;
    become(openDataSet(connection, incarnation, storeTimeUs));
    probeTimer = clock.after(PROBE_INTERVAL_MS, () => reprobe(connection));
  }

  function reprobe(connection: RedisConnection): void {
    probe(connection).catch((error: Error) => connection.abandon(error));
  }

  function openDataSet(connection: RedisConnection, incarnation: string, firstStoreTimeUs: number): OpenDataSet {
    let storeTimeUs = firstStoreTimeUs;
    let ownTimeMs = clock.now();
    const self: OpenDataSet = {
      incarnation,
      toStoreTimeUs: (ownMs) => Math.floor(storeTimeUs + (ownMs - ownTimeMs) * 1000),
      async ask(script, keys, args) {
        const reply = await run(connection, script, [options.incarnationKey, ...keys], [incarnation, ...args]).catch(
          (error: Error) => {
            if (error instanceof RedisReply && FATAL_REPLIES.has(error.kind)) connection.abandon(error);
            else if (error instanceof RedisReply) report(error);
            throw storeAway(error);
          },
        );
        if (reply[0] === STORE_CHANGED) {
          if (current?.incarnation === incarnation) {
            become(undefined);
            reprobe(connection);
          }
          throw new VigilError("store_unavailable", "the lease store lost its data: every session has to start anew");
        }
        storeTimeUs = reply[1] as number;
        ownTimeMs = clock.now();
        return reply.slice(2) as readonly number[];
      },
    };
    return self;
  }

  /** One line per change, not per attempt: how a server that is away fails differs from one attempt to the next. */
  function report(why: Error): void {
    const refusal = refusalFrom(why);
    const trouble = refusal?.message ?? (why instanceof RedisReply ? why.kind : "away");
    if (trouble === lastTrouble) return;
    lastTrouble = trouble;
    const level = refusal ? "error" : "warn";
    log[level]({ host, port, db, err: refusal ?? why }, "lease store not usable: no session lives until it is");
  }

  let settleFirst: (why: Error | undefined) => void;
  const firstAttempt = new Promise<Error | undefined>((resolve) => {
    settleFirst = resolve;
  });
  const line = keepRedisLine(deps, options, {
    async opened(connection) {
      await probe(connection);
      lastTrouble = undefined;
      log.info({ host, port, db, incarnation: current?.incarnation }, "lease store reached");
      settleFirst(undefined);
    },
    lost(why) {
      probeTimer?.cancel();
      become(undefined);
      report(why);
      settleFirst(why);
    },
  });

  return {
    get current() {
      return current;
    },
    onIncarnation: (listener) => events.on("incarnation", listener),
    firstAttempt,
    close() {
      closed = true;
      current = undefined;
      probeTimer?.cancel();
      line.close();
    },
  };
}

/** The error of whoever asks while there is no data set, or whose question came to nothing. */
export function storeAway(cause?: Error): VigilError {
  if (cause instanceof VigilError) return cause;
  return new VigilError("store_unavailable", "the lease store is away: see whether Redis runs and can be reached", {
    cause,
  });
}

/** EVALSHA, and EVAL where the server does not know the script yet. */
async function run(
  connection: RedisConnection,
  script: RedisScript,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<readonly unknown[]> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return (await connection.call("EVALSHA", [script.sha, ...rest])) as readonly unknown[];
  } catch (error) {
    if (!(error instanceof RedisReply && error.kind === "NOSCRIPT")) throw error;
    return (await connection.call("EVAL", [script.text, ...rest])) as readonly unknown[];
  }
}
