import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { keep } from "./living.js";

/** A TCP connection from a network namespace, on which a test says what it likes. */
export interface FarSocket {
  write(bytes: Uint8Array): void;
  /** All that has come so far, a character for each byte. */
  text(): string;
  /** Resolves with "end", or with the code of the error that ended it. */
  readonly closed: Promise<string>;
  close(): Promise<void>;
}

const PROCESS = fileURLToPath(new URL("./far-socket-process.js", import.meta.url));

export function dialFrom(namespace: string, host: string, port: number): FarSocket {
  const child = keep(
    spawn("ip", ["netns", "exec", namespace, process.execPath, PROCESS, host, String(port)], {
      stdio: ["pipe", "pipe", "pipe"],
    }),
  );
  let text = "";
  let error = "";
  child.stdout!.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
  });
  child.stderr!.on("data", (bytes: Buffer) => {
    error += bytes.toString("utf8");
  });
  // What is written to a process that has ended is lost, and its end says why.
  child.stdin!.on("error", () => undefined);
  const closed = once(child, "close").then(() => error || "end");
  return {
    write: (bytes) => void child.stdin!.write(bytes),
    text: () => text,
    closed,
    async close() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}
