import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { keep } from "./living.js";
import type { WireEnds } from "./network.js";

/** From the client, or to it. */
export type Way = "out" | "in";

export interface WireState {
  /** Share of the frames that are lost, 0 to 1. */
  readonly loss?: number;
  readonly delayMs?: number;
  /** Keeps the frames until `release`. */
  readonly holds?: boolean;
}

export interface WireCounts {
  readonly passed: number;
  readonly lost: number;
  readonly held: number;
  readonly repeated: number;
}

/** The cable of one namespace, every frame of which goes through a process of ours: this kernel has no netem. */
export interface Wire {
  /** What is not named is as on a good cable. */
  set(way: Way, state: WireState): Promise<void>;
  /** Lets everything held go at once, in order. @returns how many frames */
  release(way: Way): Promise<number>;
  /** Keeps a copy of every packet from now on. */
  tap(way: Way): Promise<void>;
  /** Sends the copies again, round and round. @returns how many there are */
  replay(way: Way, everyMs: number): Promise<number>;
  /** Forgets the goodbyes until now. */
  listen(way: Way): Promise<void>;
  /** CLOCK_MONOTONIC in ms of the first FIN, RST or DTLS alert since `listen`; undefined: there was none. */
  closed(way: Way): Promise<number | undefined>;
  /** Sends datagrams with bytes of nobody from and to the ports of the last datagram. */
  junk(way: Way, everyMs: number): Promise<void>;
  /** A good cable again; what is held or under way is lost. */
  clear(): Promise<void>;
  counts(): Promise<Record<Way, WireCounts>>;
  close(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("../../rig/python/wire.py", import.meta.url));

/** Why wires cannot be had here, or undefined. For `t.skip`. */
export function wireMissing(): string | undefined {
  const { error } = spawnSync("python3", ["--version"]);
  return error ? "WIRES NOT TESTED: there is no python3 on this machine" : undefined;
}

export async function startWire(ends: WireEnds): Promise<Wire> {
  const command = ["netns", "exec", ends.namespace, "python3", "-u", PROGRAM, ends.near, ends.far];
  const child = keep(spawn("ip", command, { stdio: ["pipe", "pipe", "pipe"] }));
  const said: string[] = [];
  const waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];
  const answered = () =>
    new Promise<unknown>((resolve, reject) => {
      waiting.push({ resolve, reject });
    });
  createInterface({ input: child.stderr! }).on("line", (line) => said.push(line));
  createInterface({ input: child.stdout! }).on("line", (line) => {
    const { value, error } = JSON.parse(line) as { value?: unknown; error?: string };
    const asked = waiting.shift();
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(new Error(`the wire: ${error}`));
  });
  child.stdin!.on("error", () => {
    // It has ended; its end rejects what waits.
  });
  const ended = once(child, "close").then(() => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`the wire has ended: ${said.join("\n")}`));
  });
  const ask = (order: object): Promise<unknown> => {
    const answer = answered();
    child.stdin!.write(`${JSON.stringify(order)}\n`);
    return answer;
  };
  await answered();
  return {
    set: async (way, state) => void (await ask({ command: "set", way, ...state })),
    release: (way) => ask({ command: "release", way }) as Promise<number>,
    tap: async (way) => void (await ask({ command: "tap", way })),
    replay: (way, everyMs) => ask({ command: "replay", way, everyMs }) as Promise<number>,
    listen: async (way) => void (await ask({ command: "listen", way })),
    closed: async (way) => ((await ask({ command: "closed", way })) as number | null) ?? undefined,
    junk: async (way, everyMs) => void (await ask({ command: "junk", way, everyMs })),
    clear: async () => void (await ask({ command: "clear" })),
    counts: () => ask({ command: "counts" }) as Promise<Record<Way, WireCounts>>,
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
