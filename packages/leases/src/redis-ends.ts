import type { Clock, Random, Timer } from "@vigil/shared";
import type { RedisConnectionOptions } from "./redis-connection.js";
import { keepRedisLine, type RedisLine } from "./redis-line.js";

/**
 * How often the connection of pushed ends is asked for a sign, in ms. A dead one costs nothing but the hurry, so that
 * this may be slow.
 */
const PING_INTERVAL_MS = 5000;

/**
 * Listens to pushed ends on a connection of its own (a subscribed connection takes no scripts). Silent about its
 * troubles: the store's own connection tells of them, and nothing depends on a push (rules.md, R4).
 */
export function followEnds(
  deps: { readonly clock: Clock; readonly random: Random },
  options: RedisConnectionOptions,
  channel: string,
  listener: (id: string) => void,
): RedisLine {
  let timer: Timer | undefined;
  const line = keepRedisLine(deps, options, {
    async opened(connection) {
      await connection.subscribe(channel, listener);
      const ping = () => {
        timer = deps.clock.after(PING_INTERVAL_MS, ping);
        connection.call("PING", []).catch((error: Error) => connection.abandon(error));
      };
      timer = deps.clock.after(PING_INTERVAL_MS, ping);
    },
    lost: () => timer?.cancel(),
  });
  return {
    close() {
      timer?.cancel();
      line.close();
    },
  };
}
