import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { type ClockShim, createClockShim } from "./clock-shim.js";

/** A redis-server process of a test's own, on a free port of loopback, in a directory of its own. */
export interface TestRedis {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly pid: number;
  /** The server's wall clock. Undefined unless asked for. */
  readonly clockShim: ClockShim | undefined;
  /** Runs one command on a connection of its own, past everything under test. */
  command(...args: readonly [string, ...(string | number)[]]): Promise<unknown>;
  /** SIGSTOP. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what its dump file holds. It must have been killed. */
  restart(): Promise<void>;
  /** SAVE, and keeps the dump under `name`. */
  saveDump(name: string): Promise<void>;
  /** Puts the dump kept under `name` back, for the next restart. */
  restoreDump(name: string): void;
  /** Kills it and removes its directory. */
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** More arguments of redis-server, such as ["--maxmemory-policy", "allkeys-lru"]. */
  readonly args?: readonly string[];
  /** Gives the server a wall clock that the test moves. */
  readonly withClockShim?: boolean;
}

/** How long a server may take to answer its first PING, in ms: it takes 20 to 50, far more on a machine under load. */
const START_TIMEOUT_MS = 20_000;

/** Why tests with a real Redis cannot run here, or undefined. For `t.skip`. */
export function redisMissing(needs: { readonly clockShim?: boolean } = {}): string | undefined {
  if (spawnSync("redis-server", ["--version"]).error)
    return "REDIS NOT TESTED: there is no redis-server on this machine";
  if (needs.clockShim && spawnSync("cc", ["--version"]).error) {
    return "REDIS CLOCK NOT TESTED: there is no C compiler (cc) on this machine";
  }
  return undefined;
}

export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), "vigil-redis-"));
  const clockShim = options.withClockShim ? createClockShim(dir) : undefined;
  if (options.withClockShim && !clockShim) throw new Error("there is no C compiler: ask redisMissing first");
  const port = await freePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, ...(options.args ?? [])];
    child = spawn("redis-server", args, { stdio: "ignore", env: { ...process.env, ...clockShim?.env } });
    child.unref();
    process.once("exit", killNow);
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      const answer = await command("PING").catch((error: Error) => error);
      if (answer === "PONG" || (answer instanceof Error && answer.message.startsWith("NOAUTH"))) return;
      if (performance.now() > deadline) throw new Error(`redis-server does not answer: ${String(answer)}`);
      await sleep(10);
    }
  }

  function killNow(): void {
    child?.kill("SIGKILL");
  }

  async function command(...[name, ...args]: readonly [string, ...(string | number)[]]): Promise<unknown> {
    const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
    let failure: Error | undefined;
    client.on("error", (error: Error) => {
      failure = error;
    });
    try {
      await client.connect();
      return await client.call(name, args);
    } catch (error) {
      throw failure ?? error;
    } finally {
      client.disconnect();
    }
  }

  async function kill(): Promise<void> {
    process.off("exit", killNow);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  const dump = (name: string) => join(dir, `${name}.kept`);
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}/0`,
    dir,
    get pid() {
      return child!.pid!;
    },
    clockShim,
    command,
    pause: () => void child!.kill("SIGSTOP"),
    resume: () => void child!.kill("SIGCONT"),
    kill,
    restart: start,
    async saveDump(name) {
      await command("SAVE");
      copyFileSync(join(dir, "dump.rdb"), dump(name));
    },
    restoreDump: (name) => copyFileSync(dump(name), join(dir, "dump.rdb")),
    async stop() {
      await kill();
      clockShim?.close();
      if (existsSync(dir)) rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
