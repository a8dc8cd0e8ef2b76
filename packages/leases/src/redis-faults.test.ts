import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createSystemClock, systemRandom, VigilError } from "@vigil/shared";
import type { StoreState } from "./lease-store.js";
import { createRedisStore } from "./redis-store.js";
import { createKeptLog, redisMissing, startForwarder, startTestRedis, type TestRedisOptions } from "./testing/index.js";

const clock = createSystemClock();
/** Everything that a test opens, ended in reverse when it is over. */
type CleanUp = (end: () => Promise<void>) => void;

const unavailable = (error: unknown) => error instanceof VigilError && error.reason === "store_unavailable";

function newLease(id: string, forMs = 20_000) {
  return { id, windowMs: 2000, signOfLifeAt: clock.now(), moveForMs: forMs, quietForMs: forMs, knownForMs: forMs };
}

async function openStore(url: string, cleanUp: CleanUp, commandTimeoutMs = 2000) {
  const log = createKeptLog();
  const store = await createRedisStore({ clock, random: systemRandom, log }, { url, role: "writer", commandTimeoutMs });
  cleanUp(() => store.close());
  return { store, log };
}

async function openReader(url: string, cleanUp: CleanUp) {
  const log = createKeptLog();
  const options = { url, role: "reader", commandTimeoutMs: 2000 } as const;
  const reader = await createRedisStore({ clock, random: systemRandom, log }, options);
  cleanUp(() => reader.close());
  return reader;
}

async function openRedis(cleanUp: CleanUp, options: TestRedisOptions = {}) {
  const redis = await startTestRedis(options);
  cleanUp(() => redis.stop());
  return redis;
}

/** Waits until the store is reachable with an incarnation other than `old`. */
function reopened(store: StoreState, old?: string): Promise<string> {
  return new Promise((resolve) => {
    const look = () => {
      if (store.incarnation === undefined || store.incarnation === old) return;
      unsubscribe();
      resolve(store.incarnation);
    };
    const unsubscribe = store.onIncarnation(look);
    look();
  });
}

function lost(store: StoreState): Promise<void> {
  return new Promise((resolve) => {
    const look = () => store.incarnation === undefined && resolve();
    store.onIncarnation(look);
    look();
  });
}

/** A test that ends what it opened, whatever happens. */
function faultTest(name: string, body: (cleanUp: CleanUp) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async () => {
    const ends: (() => Promise<void>)[] = [];
    try {
      await body((end) => ends.unshift(end));
    } finally {
      for (const end of ends) await end();
    }
  });
}

describe("leases in a Redis that fails", { skip: redisMissing() ?? false, concurrency: 1 }, () => {
  faultTest("a session that ended stays dead when Redis restarts from an older dump (scenario 8)", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp);
    const reader = await openReader(redis.url, cleanUp);
    const { incarnation } = await store.create(newLease("ended"));
    await store.create(newLease("alive"));
    await redis.saveDump("before-the-end");
    assert.equal(await store.end("ended"), true);

    await redis.kill();
    redis.restoreDump("before-the-end");
    await redis.restart();
    assert.equal(await redis.command("EXISTS", "vigil:lease:ended"), 1, "the dump brings the ended lease back");
    const next = await reopened(store, incarnation);
    assert.equal(await reopened(reader, incarnation), next);
    const reading = await reader.read(["ended", "alive"]);
    assert.equal(reading.incarnation, next);
    assert.deepEqual(
      reading.answers.map((answer) => answer.known),
      [false, false],
    );
    assert.deepEqual(await store.renew([newLease("ended"), newLease("alive")]), ["gone", "gone"]);
    await store.create(newLease("new"));
    assert.equal((await reader.read(["new"])).answers[0]?.known, true);
  });

  faultTest("a session that ended stays dead when a replica that lags is promoted (scenario 9)", async (cleanUp) => {
    const master = await openRedis(cleanUp);
    const replicationPath = await startForwarder(master.port);
    cleanUp(() => replicationPath.close());
    const replica = await openRedis(cleanUp);
    const address = await startForwarder(master.port);
    cleanUp(() => address.close());
    const { store } = await openStore(`redis://127.0.0.1:${address.port}`, cleanUp);
    const { incarnation } = await store.create(newLease("ended"));
    await replica.command("REPLICAOF", "127.0.0.1", replicationPath.port);
    while ((await replica.command("EXISTS", "vigil:lease:ended")) !== 1) await sleep(20);

    replicationPath.hold("to-client");
    assert.equal(await store.end("ended"), true);
    await master.kill();
    replicationPath.cut();
    await replica.command("REPLICAOF", "NO", "ONE");
    address.leadTo(replica.port);
    assert.equal(await replica.command("GET", "vigil:incarnation"), incarnation, "the replica has the old incarnation");
    assert.equal(await replica.command("EXISTS", "vigil:lease:ended"), 1, "the replica has not seen the end");

    await reopened(store, incarnation);
    assert.equal((await store.read(["ended"])).answers[0]?.known, false);
    assert.deepEqual(await store.renew([newLease("ended")]), ["gone"]);
  });

  faultTest("FLUSHALL makes a new data set, with and without a request that notices", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp);
    const { incarnation } = await store.create(newLease("a"));
    await redis.command("FLUSHALL");
    await assert.rejects(store.renew([newLease("a")]), unavailable);
    const second = await reopened(store, incarnation);
    assert.deepEqual(await store.renew([newLease("a")]), ["gone"]);
    await redis.command("FLUSHALL");
    const third = await reopened(store, second);
    assert.notEqual(third, incarnation);
  });

  faultTest("a renewal that Redis runs late is refused and changes nothing (scenario 5)", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp, 500);
    await store.create(newLease("s"));
    await store.renew([newLease("s", 300)]);
    const before = await redis.command("HGETALL", "vigil:lease:s");
    await redis.command("CONFIG", "RESETSTAT");
    redis.pause();
    await assert.rejects(store.renew([newLease("s", 300)]), unavailable);
    await sleep(300);
    redis.resume();
    await reopened(store);
    while (!String(await redis.command("INFO", "commandstats")).includes("cmdstat_hmget:calls=1,")) await sleep(10);
    assert.deepEqual(await redis.command("HGETALL", "vigil:lease:s"), before);
    assert.deepEqual(await store.renew([newLease("s")]), ["renewed"]);
  });

  faultTest("nothing given while the path was down is executed later (scenario 6)", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const path = await startForwarder(redis.port);
    cleanUp(() => path.close());
    const { store, log } = await openStore(`redis://127.0.0.1:${path.port}`, cleanUp);
    await store.create(newLease("s"));
    path.cut();
    await lost(store);
    for (let i = 0; i < 20; i += 1) {
      await assert.rejects(store.renew([newLease("s")]), unavailable);
      await assert.rejects(store.create(newLease(`given-while-down-${i}`)), unavailable);
      await assert.rejects(store.end("s"), unavailable);
      await sleep(25);
    }
    path.mend();
    await reopened(store);
    const { answers } = await store.read(["s", "given-while-down-0"]);
    assert.deepEqual(answers[0]?.known && answers[0].beat, 1);
    assert.equal(answers[1]?.known, false);
    assert.deepEqual(
      log.lines.map((line) => line.split(":")[0]),
      ["info", "warn", "info"],
      `one line a change: ${log.lines.join("\n")}`,
    );
  });

  faultTest("a reply that comes late is nobody's", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const path = await startForwarder(redis.port);
    cleanUp(() => path.close());
    const { store } = await openStore(`redis://127.0.0.1:${path.port}`, cleanUp, 500);
    await store.create(newLease("a"));
    path.hold("to-client");
    await assert.rejects(store.read(["a"]), unavailable);
    assert.equal(store.incarnation, undefined, "an answer that is late makes the connection suspect");
    path.release();
    await reopened(store);
    assert.deepEqual((await store.read(["b"])).answers, [{ id: "b", known: false }]);
    assert.equal((await store.read(["a"])).answers[0]?.known, true);
  });

  faultTest("scripts that the server forgot are given to it again", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp);
    await store.create(newLease("s"));
    await redis.command("SCRIPT", "FLUSH");
    assert.deepEqual(await store.renew([newLease("s")]), ["renewed"]);
  });

  faultTest("two writers share one data set and every accepted renewal counts", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const [{ store: one }, { store: other }] = await Promise.all([
      openStore(redis.url, cleanUp),
      openStore(redis.url, cleanUp),
    ]);
    assert.equal(one.incarnation, other.incarnation);
    await one.create(newLease("s"));
    const beats: number[] = [];
    const rounds = Array.from({ length: 100 }, async (_, index) => {
      const outcomes = await (index % 2 ? one : other).renew([newLease("s")]);
      assert.deepEqual(outcomes, ["renewed"]);
      const answer = (await one.read(["s"])).answers[0]!;
      if (answer.known) beats.push(answer.beat);
    });
    await Promise.all(rounds);
    assert.deepEqual(
      beats,
      [...beats].sort((a, b) => a - b),
    );
    const answer = (await other.read(["s"])).answers[0]!;
    assert.equal(answer.known && answer.beat, 101);
  });

  faultTest("dead leases vanish from Redis by themselves", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp);
    await store.create(newLease("s", 2000));
    const ttlMs = Number(await redis.command("PTTL", "vigil:lease:s"));
    assert.ok(ttlMs > 0 && ttlMs <= 2000, `${ttlMs}`);
    await store.renew([newLease("s", 5000)]);
    assert.ok(Number(await redis.command("PTTL", "vigil:lease:s")) > 2000);
  });
});

describe("a part that asks Redis by itself", { skip: redisMissing() ?? false, concurrency: 1 }, () => {
  faultTest("it writes nothing, and opens nothing that no gateway has opened", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const reader = await openReader(redis.url, cleanUp);
    assert.equal(reader.incarnation, undefined);
    await assert.rejects(reader.read([]), unavailable);
    assert.equal(await redis.command("DBSIZE"), 0);
    const { store } = await openStore(redis.url, cleanUp);
    assert.equal(await reopened(reader), store.incarnation);
  });

  faultTest("its user needs no right to write", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp);
    await store.create(newLease("s"));
    const rights = [
      "+@read",
      "+@connection",
      "+eval",
      "+evalsha",
      "+info",
      "+time",
      "+subscribe",
      "~vigil:*",
      "&vigil:*",
    ];
    await redis.command("ACL", "SETUSER", "part", "on", ">secret", ...rights);
    const reader = await openReader(redis.url.replace("//", "//part:secret@"), cleanUp);
    assert.equal((await reader.read(["s"])).answers[0]?.known, true);
  });

  faultTest("ends are pushed to it, and seen by asking when the push is cut (scenario 36)", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store } = await openStore(redis.url, cleanUp);
    const reader = await openReader(redis.url, cleanUp);
    await store.create(newLease("pushed", 60_000));
    await store.create(newLease("asked", 60_000));
    while (String(await redis.command("PUBSUB", "NUMSUB", "vigil:ends")) !== "vigil:ends,2") await sleep(10);
    const pushed = new Promise<string>((resolve) => reader.onEnd(resolve));
    await store.end("pushed");
    assert.equal(await pushed, "pushed");
    await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    await store.end("asked");
    assert.deepEqual((await reader.read(["asked"])).answers, [{ id: "asked", known: false }]);
    while (String(await redis.command("PUBSUB", "NUMSUB", "vigil:ends")) !== "vigil:ends,2") await sleep(10);
  });
});

describe("a Redis that is no lease store (scenario 41)", { skip: redisMissing() ?? false, concurrency: 1 }, () => {
  const refusedFor = (text: RegExp) => (error: unknown) =>
    error instanceof VigilError && error.reason === "bad_request" && text.test(error.message);

  faultTest("one that may evict is refused, whatever its limit of memory", async (cleanUp) => {
    const redis = await openRedis(cleanUp, { args: ["--maxmemory-policy", "allkeys-lru"] });
    await assert.rejects(openStore(redis.url, cleanUp), refusedFor(/allkeys-lru.*noeviction/));
    await assert.rejects(openReader(redis.url, cleanUp), refusedFor(/allkeys-lru.*noeviction/));
  });

  faultTest("a replica is refused, in step with its master or without it", async (cleanUp) => {
    const master = await openRedis(cleanUp);
    const replica = await openRedis(cleanUp, { args: ["--replica-serve-stale-data", "no"] });
    await replica.command("REPLICAOF", "127.0.0.1", master.port);
    while (!String(await replica.command("INFO", "replication")).includes("master_link_status:up")) await sleep(20);
    await assert.rejects(openStore(replica.url, cleanUp), refusedFor(/replica/));
    await master.kill();
    await assert.rejects(openStore(replica.url, cleanUp), refusedFor(/replica/));
  });

  faultTest("a password that it refuses, and an address that is none", async (cleanUp) => {
    const redis = await openRedis(cleanUp, { args: ["--requirepass", "right"] });
    await assert.rejects(openStore(redis.url, cleanUp), refusedFor(/NOAUTH/));
    await assert.rejects(openStore(redis.url.replace("//", "//:wrong@"), cleanUp), refusedFor(/WRONGPASS/));
    for (const url of [
      "localhost:6379",
      "http://localhost",
      "redis://localhost/zero",
      "redis://h/0?enableOfflineQueue=1",
    ]) {
      await assert.rejects(openStore(url, cleanUp), refusedFor(/address of the lease store/), url);
    }
  });

  faultTest("one that becomes it later is not used until it is mended", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    const { store, log } = await openStore(redis.url, cleanUp);
    const { incarnation } = await store.create(newLease("s"));
    await redis.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl");
    await lost(store);
    await assert.rejects(store.read(["s"]), unavailable);
    assert.ok(
      log.lines.some((line) => /^error: .*volatile-ttl/.test(line)),
      log.lines.join("\n"),
    );
    await redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
    assert.equal(await reopened(store), incarnation);
    assert.equal((await store.read(["s"])).answers[0]?.known, true);
    assert.equal(log.lines.filter((line) => line.startsWith("error")).length, 1, "told once, not at each attempt");
  });

  faultTest("one that is down at start is no refusal: it is waited for", async (cleanUp) => {
    const redis = await openRedis(cleanUp);
    await redis.kill();
    const { store } = await openStore(redis.url, cleanUp);
    assert.equal(store.incarnation, undefined);
    await assert.rejects(store.create(newLease("s")), unavailable);
    await redis.restart();
    await reopened(store);
    await store.create(newLease("s"));
  });
});
