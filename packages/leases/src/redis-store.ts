import { createEmitter, VigilError } from "@vigil/shared";
import { alreadyThere, checkedSpans, checkId, checkQuestion, checkWindow, notCreated } from "./lease-request.js";
import {
  type LeaseAnswer,
  type LeaseStore,
  MAX_QUESTION_IDS,
  type NewLease,
  type ReadOnlyStore,
  type Renewal,
  type RenewalOutcome,
} from "./lease-store.js";
import { followRedisDataSet, type OpenDataSet, type RedisStoreDeps, storeAway } from "./redis-data-set.js";
import { followEnds } from "./redis-ends.js";
import { refusalFrom } from "./redis-refusal.js";
import { CREATE_SCRIPT, END_SCRIPT, OUTCOME_CODES, READ_SCRIPT, READ_STRIDE, RENEW_SCRIPT } from "./redis-scripts.js";

export type { RedisStoreDeps, StoreLog } from "./redis-data-set.js";

export interface RedisStoreOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. Not a cluster: scripts take many keys. */
  readonly url: string;
  /** Begins every key and the channel of ends. Default {@link DEFAULT_PREFIX}. */
  readonly prefix?: string;
  /** Default {@link DEFAULT_COMMAND_TIMEOUT_MS}. */
  readonly commandTimeoutMs?: number;
  /** Default {@link DEFAULT_CONNECT_TIMEOUT_MS}. */
  readonly connectTimeoutMs?: number;
}

export const DEFAULT_PREFIX = "vigil:";

/** Redis in the robot's own network answers within 1 ms; 250 ms is one TCP retransmission (200 ms) and some. */
export const DEFAULT_COMMAND_TIMEOUT_MS = 250;

/** The same network: a lost SYN is sent again after 1 s, and we try anew by then. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 1000;

/**
 * Leases in Redis: one hash a session, changed by scripts only (redis-scripts.ts).
 *
 * Resolves when the first attempt to reach Redis is over, also when it failed: then `incarnation` is undefined, and the
 * store keeps trying for ever. Rejects with VigilError("bad_request"), the reason not to start, when the address is
 * malformed, or when Redis answers and is a replica, may evict leases, or refuses our user. Met later, the same is logged
 * as an error, and the store stays unreachable until it is mended.
 *
 * Role "reader" is for parts: its user needs no right to write keys, and it opens no data set that no writer has opened.
 */
export function createRedisStore(
  deps: RedisStoreDeps,
  options: RedisStoreOptions & { readonly role: "writer" },
): Promise<LeaseStore>;
export function createRedisStore(
  deps: RedisStoreDeps,
  options: RedisStoreOptions & { readonly role: "reader" },
): Promise<ReadOnlyStore>;
export async function createRedisStore(
  deps: RedisStoreDeps,
  options: RedisStoreOptions & { readonly role: "writer" | "reader" },
): Promise<LeaseStore> {
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  const channel = `${prefix}ends`;
  const leaseKey = (id: string) => `${prefix}lease:${id}`;
  const connectionOptions = {
    url: options.url,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    commandTimeoutMs: options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS,
  };
  const dataSet = followRedisDataSet(deps, {
    ...connectionOptions,
    incarnationKey: `${prefix}incarnation`,
    role: options.role,
  });
  const firstTrouble = await dataSet.firstAttempt;
  const refusal = firstTrouble && refusalFrom(firstTrouble);
  if (refusal) {
    dataSet.close();
    throw refusal;
  }
  const pushed = createEmitter<{ end: string }>();
  const ends = followEnds(deps, connectionOptions, channel, (id) => pushed.emit("end", id));

  function open(): OpenDataSet {
    if (!dataSet.current) throw storeAway();
    return dataSet.current;
  }

  function openForWriting(): OpenDataSet {
    if (options.role === "writer") return open();
    throw new VigilError("permission", "this lease store is open for reading only: the gateway writes leases");
  }

  async function renewBatch(at: OpenDataSet, batch: readonly Renewal[]): Promise<RenewalOutcome[]> {
    const keys = batch.map((renewal) => leaseKey(renewal.id));
    const codes = await at.ask(
      RENEW_SCRIPT,
      keys,
      batch.flatMap((renewal) => instantArgs(at, renewal)),
    );
    return codes.map((code) => OUTCOME_CODES[code]!);
  }

  return {
    get incarnation() {
      return dataSet.current?.incarnation;
    },
    async create(lease) {
      checkWindow(lease.windowMs);
      const at = openForWriting();
      const args = [wholeUs(lease.windowMs), ...instantArgs(at, lease)];
      const outcome = OUTCOME_CODES[(await at.ask(CREATE_SCRIPT, [leaseKey(lease.id)], args))[0]!]!;
      if (outcome === "gone") throw alreadyThere();
      if (outcome !== "renewed") throw notCreated(outcome);
      return { incarnation: at.incarnation };
    },
    async renew(renewals) {
      const at = openForWriting();
      const batches: Promise<RenewalOutcome[]>[] = [];
      for (let from = 0; from < renewals.length; from += MAX_QUESTION_IDS) {
        batches.push(renewBatch(at, renewals.slice(from, from + MAX_QUESTION_IDS)));
      }
      return (await Promise.all(batches)).flat();
    },
    async end(id) {
      checkId(id);
      return (await openForWriting().ask(END_SCRIPT, [leaseKey(id)], [channel, id]))[0] === 1;
    },
    async read(ids) {
      checkQuestion(ids);
      const at = open();
      const numbers = await at.ask(READ_SCRIPT, ids.map(leaseKey), []);
      return {
        incarnation: at.incarnation,
        answers: ids.map((id, index) => answerOf(id, numbers, index * READ_STRIDE)),
      };
    },
    onEnd: (listener) => pushed.on("end", listener),
    onIncarnation: dataSet.onIncarnation,
    async close() {
      dataSet.close();
      ends.close();
    },
  };
}

/** E = S + (beat - r) + window (rules.md, R2): the sign of life in store time, and the spans that the script adds. */
function instantArgs(at: OpenDataSet, request: Renewal | NewLease): number[] {
  const spans = checkedSpans(request);
  return [
    at.toStoreTimeUs(request.signOfLifeAt),
    wholeUs(spans.moveForMs),
    wholeUs(spans.quietForMs),
    wholeUs(spans.knownForMs),
  ];
}

function wholeUs(ms: number): number {
  return Math.round(ms * 1000);
}

function answerOf(id: string, numbers: readonly number[], from: number): LeaseAnswer {
  const beat = numbers[from]!;
  if (beat === 0) return { id, known: false };
  return {
    id,
    known: true,
    beat,
    windowMs: numbers[from + 1]! / 1000,
    moveLeftMs: numbers[from + 2]! / 1000,
    quietLeftMs: numbers[from + 3]! / 1000,
    knownLeftMs: numbers[from + 4]! / 1000,
  };
}
