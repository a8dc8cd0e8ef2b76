import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { keep } from "../rig/living.js";

export interface DialFigures {
  /** Of each dial with its first call, in ms. */
  readonly times: number[];
  readonly failures: string[];
}

export interface Commands {
  /** When each was sent, in ms since the epoch, and how long its answer took. */
  readonly times: { readonly at: number; readonly ms: number }[];
  readonly failures: string[];
}

/** Instants in ms since the epoch. */
export interface TransferFigures {
  readonly bytes: number;
  readonly begunAt: number;
  readonly answerBeganAt: number;
  readonly endedAt: number;
}

/** What a swarm does when it is told to. */
export interface SwarmOrders {
  /**
   * Dials this many clients more, or as many as begin to dial within the limit; `session`: each with an explicit session,
   * which its first call starts.
   */
  open(
    count: number,
    concurrency: number,
    session: boolean,
    limitMs?: number,
  ): Promise<DialFigures & { readonly sessions: readonly string[] }>;
  /** Dials, starts a session, closes, again and again. */
  churn(count: number, concurrency: number): Promise<DialFigures>;
  /** Each client sets the power of its own motor, `hz` times a second. */
  command(names: readonly string[], hz: number, durationMs: number): Promise<Commands>;
  /** Ends what `command` is at. */
  stopCommands(): Promise<void>;
  /** Each client lets its own motor run for so many revolutions, one a second. Does not wait for their end. */
  goFor(names: readonly string[], revolutions: number): Promise<void>;
  /** The first client sends a command of so many bytes to a generic component, which answers with as many. */
  transfer(generic: string, bytes: number): Promise<TransferFigures>;
  close(): Promise<void>;
}

/** Light clients in a process of their own, so that they can be killed together and cost the measuring process nothing. */
export interface Swarm extends SwarmOrders {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, and waits for the end. */
  end(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("./swarm-program.js", import.meta.url));
const ORDERS: readonly (keyof SwarmOrders)[] = [
  "open",
  "churn",
  "command",
  "stopCommands",
  "goFor",
  "transfer",
  "close",
];

export async function startSwarm(url: string, windowMs: number, namespace?: string): Promise<Swarm> {
  const command = [process.execPath, PROGRAM, url, String(windowMs)];
  const whole = namespace === undefined ? command : ["ip", "netns", "exec", namespace, ...command];
  const child: ChildProcess = keep(spawn(whole[0]!, whole.slice(1), { stdio: ["ignore", 2, 2, "ipc"] }));
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const ended = once(child, "exit").then(() => {
    for (const { reject } of pending.values()) reject(new Error("the swarm has ended"));
    pending.clear();
  });
  let nextId = 0;
  const started = new Promise<unknown>((resolve, reject) => pending.set(nextId++, { resolve, reject }));
  child.on("message", ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const asked = pending.get(id);
    pending.delete(id);
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(new Error(error));
  });
  await started;
  const perform = (order: string, args: unknown[]) => {
    const done = new Promise((resolve, reject) => {
      const id = nextId++;
      pending.set(id, { resolve, reject });
      child.send({ id, order, args });
    });
    // Whoever has lost interest in an order, after another one failed, has not to hear of its end.
    done.catch(() => undefined);
    return done;
  };
  return {
    ...(Object.fromEntries(
      ORDERS.map((order) => [order, (...args: unknown[]) => perform(order, args)]),
    ) as unknown as SwarmOrders),
    pid: child.pid!,
    signal: (signal) => void child.kill(signal),
    async end() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
