import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { isatty } from "node:tty";
import { fileURLToPath } from "node:url";
import type { Clock } from "@vigil/shared";

/**
 * The terminal or pipe that the robot's logs go to, behind a process of its own: a terminal that was stopped with
 * Ctrl-S blocks whoever writes to it, and that must be neither the supervisor nor a robot's process.
 */
export interface Output {
  /** A whole line without its end, for stderr. Never waits; drops lines while too many wait. */
  line(text: string): void;
  /** A whole line for stdout. */
  print(text: string): void;
  /** Lets what waits be written, but not for longer than a moment. */
  close(): Promise<void>;
}

/** Waiting output beyond which lines are dropped: minutes of logs at the usual rate. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How long the last lines may take; a stopped terminal never takes them. */
const CLOSE_LIMIT_MS = 500;
const CAT = "/bin/cat";
const STDOUT = 1;
const STDERR = 2;

export function createOutput(clock: Clock): Output {
  const writer = startWriter(STDERR);
  let dropped = 0;
  const write = (text: string) => writer.stdin?.write(`${text}\n`);
  return {
    line(text) {
      if ((writer.stdin?.writableLength ?? 0) > MAX_WAITING_BYTES) {
        dropped++;
        return;
      }
      if (dropped > 0)
        write(JSON.stringify({ level: "warn", msg: `${dropped} log lines were dropped: nobody read them` }));
      dropped = 0;
      write(text);
    },
    print(text) {
      startWriter(STDOUT).stdin?.end(`${text}\n`);
    },
    close: () => closeWriter(writer, clock),
  };
}

/** A process that copies its standard input to `fd`; lines of JSON become readable ones on a terminal. */
function startWriter(fd: number): ChildProcess {
  const script = fileURLToPath(new URL("./output-writer.js", import.meta.url));
  // cat takes a megabyte where Node takes forty; an image may hold nothing but Node.
  const [command, args] = isatty(fd) || !existsSync(CAT) ? [process.execPath, [script]] : [CAT, []];
  // Detached: Ctrl-C reaches the whole foreground group, and the last lines are still to be written then.
  const child = spawn(command, args, { stdio: ["pipe", fd, STDERR], detached: true });
  const readerGone = () => {
    // Logs are lost then; the robot goes on.
  };
  child.on("error", readerGone);
  child.stdin?.on("error", readerGone);
  return child;
}

function closeWriter(writer: ChildProcess, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (writer.exitCode !== null || writer.signalCode !== null || writer.pid === undefined) {
      resolve();
      return;
    }
    const timer = clock.after(CLOSE_LIMIT_MS, () => writer.kill("SIGKILL"));
    writer.once("exit", () => {
      timer.cancel();
      resolve();
    });
    writer.stdin?.end();
  });
}
