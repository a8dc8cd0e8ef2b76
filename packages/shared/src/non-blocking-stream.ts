import { constants, openSync, writeSync } from "node:fs";
import type { Clock, Timer } from "./clock.js";

/** A sink for lines that never holds up its caller. */
export interface LineStream {
  write(text: string): void;
}

/** Text that waits for a reader who has stopped; beyond it lines are dropped, since a log must never hold up a stop. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How soon a full pipe is tried again. */
const RETRY_MS = 20;

/**
 * Writes to `fd` (stderr) at once where it takes it, and else later. A terminal stopped with Ctrl-S or a full pipe
 * would otherwise block the event loop, and with it every stop; and a reader that has died must not keep the process
 * from ending (pino's own asynchronous destination tries a broken pipe for ever when the process exits; measured).
 */
export function createNonBlockingStream(fd: number, clock: Clock): LineStream {
  const target = openNonBlocking(fd);
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let broken = false;
  let retry: Timer | undefined;

  function flush(): void {
    while (waiting.length > 0) {
      const first = waiting[0]!;
      let written: number;
      try {
        written = writeSync(target, first);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") {
          retry ??= clock.after(RETRY_MS, () => {
            retry = undefined;
            flush();
          });
          return;
        }
        // The reader has gone for good: there is nobody left to tell.
        broken = true;
        waiting = [];
        return;
      }
      waitingBytes -= written;
      if (written === first.length) waiting.shift();
      else waiting[0] = first.subarray(written);
    }
  }

  function enqueue(text: string): void {
    const bytes = Buffer.from(text);
    waiting.push(bytes);
    waitingBytes += bytes.length;
  }

  process.on("exit", flush);
  return {
    write(text) {
      if (broken) return;
      if (waitingBytes > MAX_WAITING_BYTES) {
        dropped++;
        return;
      }
      if (dropped > 0)
        enqueue(`${JSON.stringify({ level: "warn", msg: `${dropped} log lines were dropped: nobody read them` })}\n`);
      dropped = 0;
      enqueue(text);
      if (retry === undefined) flush();
    },
  };
}

/** The same terminal, pipe or file, opened anew: not to wait is our own affair, and not that of who shares it. */
function openNonBlocking(fd: number): number {
  try {
    return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    // A socket cannot be opened anew (ENXIO). Node makes it non-blocking when it makes a stream of it.
    return fd === 1 ? process.stdout.fd : process.stderr.fd;
  }
}
