import { isIP, type Socket } from "node:net";
import { type Clock, VigilError } from "@vigil/shared";
import { Redis } from "ioredis";

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`, with user, password and database if need be. */
  readonly url: string;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/**
 * One connection to Redis, from its opening to its loss: it never reconnects, queues or sends again. A new one is made
 * instead, so that nothing that was given to the old one can come back to life (rules.md, R2).
 *
 * **A command that gets no answer in time costs the connection.** What is late may be Redis (stopped, blocked) or the
 * way to it; after a black-out TCP would wait out its own backoff, seconds long, while a fresh connection works at once.
 * The socket is destroyed, so no late reply can be taken for another's. What the kernel had taken of it may still reach
 * Redis and run there: the scripts carry absolute instants for that (scenario 5).
 */
export interface RedisConnection {
  /** Rejects with RedisReply when Redis itself refuses, else with "store_unavailable". */
  call(command: string, args: readonly (string | number)[]): Promise<unknown>;
  /** Calls the listener once when the connection is lost, but not after `close`. At once if it is lost already. */
  onLost(listener: (why: Error) => void): void;
  /** Pub/sub on this connection: afterwards it takes nothing but PING. */
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** Gives the connection up for a reason found by the caller: it counts as lost. */
  abandon(why: Error): void;
  close(): void;
}

/** An error that Redis replied, such as "NOSCRIPT No matching script". */
export class RedisReply extends Error {
  override readonly name = "RedisReply";
  /** The first word: NOSCRIPT, READONLY, LOADING, NOAUTH, ... */
  get kind(): string {
    return this.message.split(" ", 1)[0]!;
  }
}

/** Where Redis is, without what is secret in the address: for messages and logs. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
}

/** Port of Redis when the address names none. */
const DEFAULT_PORT = 6379;

/**
 * Reads a Redis address. ioredis would let the query of an address override its options, those of safety among them:
 * here it may have none.
 * @throws VigilError("bad_request")
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const db = parsed?.pathname.match(/^\/?(\d*)$/)?.[1];
  if (!parsed || !/^rediss?:$/.test(parsed.protocol) || !parsed.hostname || db === undefined) {
    throw new VigilError("bad_request", 'the address of the lease store is none: write "redis://host:6379/0"');
  }
  if (parsed.search || parsed.hash) {
    throw new VigilError(
      "bad_request",
      "the address of the lease store has a query: leave out what follows the database",
    );
  }
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port ? Number(parsed.port) : DEFAULT_PORT,
    tls: parsed.protocol === "rediss:",
    ...(parsed.username && { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password && { password: decodeURIComponent(parsed.password) }),
    db: Number(db),
  };
}

/** Connects. Rejects with "store_unavailable" (or RedisReply, for a refused password) and leaves nothing behind. */
export async function openRedisConnection(
  deps: { readonly clock: Clock },
  options: RedisConnectionOptions,
): Promise<RedisConnection> {
  const { clock } = deps;
  const redis = createClient(parseRedisUrl(options.url), options);
  const waiting = new Set<(why: Error) => void>();
  const lostListeners: ((why: Error) => void)[] = [];
  let over: Error | undefined;

  function fail(why: Error): void {
    if (over) return;
    over = why;
    cut(redis);
    for (const reject of [...waiting]) reject(why);
    waiting.clear();
    for (const listener of lostListeners.splice(0)) listener(why);
  }

  /** Awaits an answer; when it is late, the connection is over. */
  function answered<T>(answer: Promise<T>, timeoutMs: number, what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      waiting.add(reject);
      let timer = clock.after(timeoutMs, () => {
        // One more turn: after a pause of this process the timer runs before the socket, in which the answer may lie.
        timer = clock.after(0, () => fail(unavailable(`${what} got no answer within ${timeoutMs} ms`)));
      });
      const settle = () => {
        timer.cancel();
        waiting.delete(reject);
      };
      answer.then(resolve, (error: unknown) => reject(translated(error, over))).finally(settle);
    });
  }

  redis.on("error", (error: Error) => fail(translated(error, over)));
  redis.on("end", () => fail(unavailable("the connection was closed")));
  await answered(redis.connect(), options.connectTimeoutMs, "connecting");

  return {
    call(command, args) {
      if (over) return Promise.reject(over);
      return answered(redis.call(command, [...args]), options.commandTimeoutMs, command);
    },
    onLost(listener) {
      if (over) listener(over);
      else lostListeners.push(listener);
    },
    async subscribe(channel, listener) {
      redis.on("message", (_channel, message) => listener(message));
      await answered(redis.subscribe(channel), options.commandTimeoutMs, "SUBSCRIBE");
    },
    abandon: fail,
    close() {
      lostListeners.length = 0;
      fail(unavailable("it was closed here"));
    },
  };
}

function createClient(address: RedisAddress, options: RedisConnectionOptions): Redis {
  const { tls, host, ...rest } = address;
  return new Redis({
    ...rest,
    host,
    ...(tls && { tls: isIP(host) ? {} : { servername: host } }),
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs,
    // This client makes one connection and never resends, queues or waits: see RedisConnection.
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // Our own first command finds out whether Redis is loading; ioredis would wait for it without a bound.
    enableReadyCheck: false,
    disableClientInfo: true,
    // Deadlines run on the Clock that we are given, not on ioredis' timers.
    keepAlive: 1000,
  });
}

/**
 * Ends the socket now: what it has not handed to the kernel is dropped. (`resetAndDestroy` waits for the writes that it
 * should drop, and leaks the handle of a socket that was told to end before.)
 */
function cut(redis: Redis): void {
  const stream: Socket | undefined = redis.stream;
  // On a stream that is closed already ioredis would leave a timer running.
  if (!stream?.destroyed) redis.disconnect();
  stream?.destroy();
}

function unavailable(what: string, cause?: unknown): VigilError {
  return new VigilError("store_unavailable", `the lease store is away: ${what}`, { cause });
}

/** ioredis' errors as ours: its ReplyError is what Redis said, everything else is a connection that is gone. */
function translated(error: unknown, over: Error | undefined): Error {
  if (over) return over;
  if (error instanceof VigilError || error instanceof RedisReply) return error;
  if (error instanceof Error && error.name === "ReplyError") return new RedisReply(error.message, { cause: error });
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  return unavailable(`the connection failed${code}`, error);
}
