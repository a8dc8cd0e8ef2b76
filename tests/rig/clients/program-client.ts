import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { keep } from "../living.js";
import { monotonicMs } from "../until.js";
import { type Client, ClientError, type ClientKind, createRedial, createRemoteVerbs } from "./client.js";

/** Lines of the protocol begin so; whatever else an SDK prints goes by. */
const MARK = "@rig ";
/** Last lines of other output that an error is explained with. */
const KEPT_LINES = 30;

/** Starts a client program that serves verbs over its standard streams, and lets it dial. */
export async function startProgram(
  kind: ClientKind,
  command: readonly string[],
  dial: { readonly way: string; readonly url: string; readonly host: string },
): Promise<Client> {
  const child: ChildProcess = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
  keep(child);
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const said: string[] = [];
  let nextId = 1;
  let over = false;

  const hear = (line: string) => {
    if (!line.startsWith(MARK)) {
      said.push(line);
      if (said.length > KEPT_LINES) said.shift();
      return;
    }
    const { id, value, error, code } = JSON.parse(line.slice(MARK.length)) as {
      id: number;
      value?: unknown;
      error?: string;
      code?: number;
    };
    const asked = pending.get(id);
    pending.delete(id);
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(new ClientError(error, code));
  };
  createInterface({ input: child.stdout! }).on("line", hear);
  createInterface({ input: child.stderr! }).on("line", hear);
  child.stdin!.on("error", () => {
    // It has ended; its end rejects what waits.
  });
  const ended = once(child, "close").then(() => {
    over = true;
    for (const { reject } of pending.values()) reject(new ClientError(`client ${kind} has ended: ${said.join("\n")}`));
    pending.clear();
  });

  const perform = (verb: string, args: unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      if (over) return reject(new ClientError(`client ${kind} has ended: ${said.join("\n")}`));
      const id = nextId++;
      pending.set(id, { resolve, reject });
      child.stdin!.write(`${JSON.stringify({ id, verb, args })}\n`);
    });

  const redial = createRedial(perform, dial);
  const client: Client = {
    ...createRemoteVerbs(perform),
    kind,
    get pid() {
      return child.pid!;
    },
    signal: (signal) => void child.kill(signal),
    perform: (verb, ...args) => perform(verb, args),
    redial,
    kill() {
      const at = monotonicMs();
      child.kill("SIGKILL");
      return at;
    },
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  try {
    await redial();
    return client;
  } catch (error) {
    await client.close();
    throw new ClientError(`client ${kind} did not dial: ${(error as Error).message}\n${said.join("\n")}`);
  }
}
