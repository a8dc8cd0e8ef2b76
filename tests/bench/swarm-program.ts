import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createSignaling, dialLight, type LightClient } from "./light-client.js";
import type { Commands, DialFigures, SwarmOrders, TransferFigures } from "./swarm.js";
import { bulkRequest, DO_COMMAND, GO_FOR, goForRequest, SET_POWER, setPowerRequest } from "./wire.js";

// Many light clients in a process of their own, which does what its parent orders (see swarm.ts).

const [url, windowText] = process.argv.slice(2) as [string, string];
const windowMs = Number(windowText);
const signaling = createSignaling(url);
const clients: LightClient[] = [];
let isOver = false;

const orders: SwarmOrders = {
  async open(count, concurrency, session, limitMs = Infinity) {
    const dials: DialFigures = { times: [], failures: [] };
    const sessions: string[] = [];
    const begunAt = performance.now();
    await together(count, concurrency, async () => {
      const at = performance.now();
      if (at - begunAt > limitMs) return;
      try {
        const client = await dialLight(signaling, windowMs);
        clients.push(client);
        if (session) sessions.push(await client.startSession());
        dials.times.push(performance.now() - at);
      } catch (error) {
        dials.failures.push(String(error));
      }
    });
    return { ...dials, sessions };
  },
  async churn(count, concurrency) {
    const dials: DialFigures = { times: [], failures: [] };
    await together(count, concurrency, async () => {
      const at = performance.now();
      try {
        const client = await dialLight(signaling, windowMs);
        await client.startSession();
        dials.times.push(performance.now() - at);
        client.close();
      } catch (error) {
        dials.failures.push(String(error));
      }
    });
    return dials;
  },
  async command(names, hz, durationMs) {
    isOver = false;
    const all = await Promise.all(
      names.map((name, index) => commandSteadily(clients[index]!, name, hz, durationMs, index / names.length)),
    );
    return { times: all.flatMap(({ times }) => times), failures: all.flatMap(({ failures }) => failures) };
  },
  async stopCommands() {
    isOver = true;
  },
  async goFor(names, revolutions) {
    for (const [index, name] of names.entries()) {
      // They run until what they hang on has ended; how each ends is seen at the device.
      clients[index]!.call(GO_FOR, goForRequest(name, 60, revolutions)).catch(() => undefined);
    }
  },
  async transfer(generic, bytes) {
    const [client] = clients;
    const request = bulkRequest(generic, bytes);
    const begunAt = performance.now();
    const before = client!.receivedBytes;
    const done = client!.call(DO_COMMAND, request);
    let answerBeganAt: number | undefined;
    const watch = setInterval(() => {
      if (client!.receivedBytes - before > FIRST_BULK_BYTES) answerBeganAt ??= performance.now();
    }, 1);
    try {
      const answer = await done;
      const figures: TransferFigures = {
        bytes: answer.length,
        begunAt: performance.timeOrigin + begunAt,
        answerBeganAt: performance.timeOrigin + (answerBeganAt ?? performance.now()),
        endedAt: performance.timeOrigin + performance.now(),
      };
      return figures;
    } finally {
      clearInterval(watch);
    }
  },
  async close() {
    for (const client of clients.splice(0)) client.close();
  },
};

/** More than the answers of the small calls beside it make in the meantime. */
const FIRST_BULK_BYTES = 65_536;

process.on("message", ({ id, order, args }: { id: number; order: keyof SwarmOrders; args: unknown[] }) => {
  const perform = orders[order] as (...args: unknown[]) => Promise<unknown>;
  perform(...args).then(
    (value) => process.send!({ id, value }),
    (error: Error) => process.send!({ id, error: error.stack ?? error.message }),
  );
});
process.on("disconnect", () => process.exit());
process.send!({ id: 0 });

/** One command each beat of `hz`, whether the last one has been answered or not. */
async function commandSteadily(
  client: LightClient,
  name: string,
  hz: number,
  durationMs: number,
  phase: number,
): Promise<Commands> {
  const commands: Commands = { times: [], failures: [] };
  const pending = new Set<Promise<void>>();
  const begin = performance.now() + (phase * 1000) / hz;
  for (let beat = 0; beat * (1000 / hz) < durationMs && !isOver; beat++) {
    await sleep(Math.max(0, begin + beat * (1000 / hz) - performance.now()));
    const at = performance.now();
    const sent = client
      .call(SET_POWER, setPowerRequest(name, beat % 2 === 0 ? 0.3 : 0.4))
      .then(
        () => void commands.times.push({ at: performance.timeOrigin + at, ms: performance.now() - at }),
        (error: Error) => void commands.failures.push(`${name}: ${error.message}`),
      )
      .finally(() => pending.delete(sent));
    pending.add(sent);
  }
  await Promise.all(pending);
  return commands;
}

async function together(count: number, concurrency: number, task: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await task();
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
