import { systemRandom } from "@vigil/shared";
import { leaseStoreConformance } from "./conformance.js";
import { createRedisStore } from "./redis-store.js";
import { createVirtualClock, redisMissing, silentLog, startTestRedis } from "./testing/index.js";

/** Any instant for the server's clock to start from, ms since the epoch. */
const WALL_MS = 1_800_000_000_000;

leaseStoreConformance(
  "Redis",
  async () => {
    const redis = await startTestRedis({ withClockShim: true });
    const clock = createVirtualClock();
    const toWall = WALL_MS - clock.now();
    redis.clockShim!.freezeAt(clock.now() + toWall);
    const store = await createRedisStore(
      { clock, random: systemRandom, log: silentLog },
      // Time that only the suite moves makes every answer take as long as one step of it.
      { url: redis.url, role: "writer", commandTimeoutMs: 60_000, connectTimeoutMs: 60_000 },
    );
    return {
      store,
      now: clock.now,
      async advance(ms) {
        redis.clockShim!.freezeAt(clock.now() + ms + toWall);
        clock.advance(ms);
        // A reply in time order: what the timers that were due asked has been answered before it.
        await store.read([]);
      },
      async close() {
        await store.close();
        await redis.stop();
      },
    };
  },
  { skip: redisMissing({ clockShim: true }) },
);
