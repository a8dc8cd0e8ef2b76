import type { Rng } from "./rng.js";
import type { SimProcess } from "./sim-process.js";
import type { SimTime } from "./sim-time.js";

export interface Conditions {
  /** One way, in ms. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Of a datagram, one way. In an ordered path a lost packet costs a retransmission. */
  readonly loss: number;
  readonly duplicates: number;
}

/** One direction between two processes. */
export interface Path {
  /** @param arrived told on arrival, before the process gets to it. */
  send(task: () => void, arrived?: () => void): void;
  /** Nothing that is still on its way arrives any more. */
  close(): void;
}

/** The network between the processes: delay, loss, duplication, reordering and cuts, each also in one direction only. */
export interface Network {
  /** Between the robot's own machines. */
  lan: Conditions;
  /** Between clients and the gateway. */
  wan: Conditions;
  /** Each arrives at most once, in order: TCP, or a reliable data channel. */
  ordered(from: SimProcess, to: SimProcess): Path;
  /** Each may be lost, doubled or overtaken. */
  datagrams(from: SimProcess, to: SimProcess): Path;
  cut(from: string, to: string): void;
  heal(from: string, to: string): void;
  isCut(from: string, to: string): boolean;
  healAll(): void;
}

/** A retransmission timeout of TCP and SCTP: 200 ms at the least, doubling up to a second or so. */
const RETRANSMIT_MS = [200, 1000] as const;
/** On one host nothing is faster than this, and nothing arrives in no time. */
const LEAST_DELAY_MS = 0.05;

/** Names of clients begin so: what reaches them is no LAN. */
export const CLIENT_PREFIX = "client";

export function createNetwork(
  time: SimTime,
  rng: Rng,
  conditions: { readonly lan: Conditions; readonly wan: Conditions },
): Network {
  const cuts = new Set<string>();
  const waiting = new Map<string, Set<() => void>>();
  const keyOf = (from: string, to: string) => `${from}>${to}`;
  const conditionsOf = (from: SimProcess, to: SimProcess) =>
    from.name.startsWith(CLIENT_PREFIX) || to.name.startsWith(CLIENT_PREFIX) ? network.wan : network.lan;
  const delayOf = ({ delayMs, jitterMs }: Conditions) => LEAST_DELAY_MS + delayMs + rng.float() * jitterMs;

  function healKey(key: string): void {
    if (!cuts.delete(key)) return;
    const wake = [...(waiting.get(key) ?? [])];
    waiting.delete(key);
    for (const go of wake) go();
  }

  const network: Network = {
    ...conditions,
    ordered(from, to) {
      const key = keyOf(from.name, to.name);
      const queue: { readonly task: () => void; readonly arrived: (() => void) | undefined; readyAt: number }[] = [];
      let pumping = false;
      let closed = false;
      const pump = () => {
        const head = queue[0];
        if (closed || !head) {
          pumping = false;
          return;
        }
        pumping = true;
        time.at(head.readyAt, () => {
          if (closed) return;
          if (cuts.has(key)) {
            const set = waiting.get(key) ?? new Set();
            waiting.set(key, set);
            // Once the path is back the next retransmission carries it.
            set.add(() => {
              head.readyAt = time.now + rng.between(0, RETRANSMIT_MS[1]);
              pump();
            });
            return;
          }
          queue.shift();
          head.arrived?.();
          to.receive(head.task);
          pump();
        });
      };
      return {
        send(task, arrived) {
          if (closed) return;
          const now = conditionsOf(from, to);
          let readyAt = time.now + delayOf(now);
          while (rng.chance(now.loss)) readyAt += rng.between(...RETRANSMIT_MS);
          queue.push({ task, arrived, readyAt });
          if (!pumping) pump();
        },
        close() {
          closed = true;
          queue.length = 0;
        },
      };
    },
    datagrams(from, to) {
      const key = keyOf(from.name, to.name);
      let closed = false;
      return {
        send(task) {
          const current = conditionsOf(from, to);
          const copies = rng.chance(current.duplicates) ? 2 : 1;
          for (let copy = 0; copy < copies; copy += 1) {
            if (cuts.has(key) || rng.chance(current.loss)) continue;
            time.at(time.now + delayOf(current), () => {
              if (!closed && !cuts.has(key)) to.receive(task);
            });
          }
        },
        close() {
          closed = true;
        },
      };
    },
    cut: (from, to) => cuts.add(keyOf(from, to)),
    heal: (from, to) => healKey(keyOf(from, to)),
    isCut: (from, to) => cuts.has(keyOf(from, to)),
    healAll() {
      for (const key of [...cuts]) healKey(key);
    },
  };
  return network;
}
