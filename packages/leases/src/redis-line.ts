import type { Clock, Random, Timer } from "@vigil/shared";
import { openRedisConnection, type RedisConnection, type RedisConnectionOptions } from "./redis-connection.js";

/** First wait before a new connection, in ms: long enough not to spin, short next to the smallest useful window. */
const FIRST_BACKOFF_MS = 25;

/** Longest wait, in ms: Redis back in service is found within a second, so that a robot is not down for longer. */
const MAX_BACKOFF_MS = 1000;

export interface RedisLineHandlers {
  /** A connection stands. When this rejects, it is dropped and counts as a failed attempt. */
  opened(connection: RedisConnection): Promise<void>;
  /** After every failed attempt and every loss; the next attempt is under way already. */
  lost(why: Error): void;
}

/** One connection to Redis after another, for ever, with a wait between them that grows to {@link MAX_BACKOFF_MS}. */
export interface RedisLine {
  close(): void;
}

export function keepRedisLine(
  deps: { readonly clock: Clock; readonly random: Random },
  options: RedisConnectionOptions,
  handlers: RedisLineHandlers,
): RedisLine {
  let closed = false;
  let failures = 0;
  let current: RedisConnection | undefined;
  let timer: Timer | undefined;

  async function attempt(): Promise<void> {
    let connection: RedisConnection | undefined;
    try {
      connection = await openRedisConnection(deps, options);
      if (closed) return connection.close();
      current = connection;
      await handlers.opened(connection);
      failures = 0;
      connection.onLost(again);
    } catch (error) {
      connection?.close();
      again(error as Error);
    }
  }

  function again(why: Error): void {
    current = undefined;
    if (closed) return;
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 16));
    failures += 1;
    timer = deps.clock.after(backoffMs * jitter(deps.random), attempt);
    handlers.lost(why);
  }

  void attempt();
  return {
    close() {
      closed = true;
      timer?.cancel();
      current?.close();
    },
  };
}

/** A factor from 0.5 to 1, so that parts that lost Redis together do not come back together. */
function jitter(random: Random): number {
  return 0.5 + random.bytes(1)[0]! / 510;
}
