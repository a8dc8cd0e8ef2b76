import { openSync, readSync } from "node:fs";

/** A process, also when it has ended and another one has its id. */
export interface KnownProcess {
  /** False as soon as its main thread has ended: long before its memory is freed and its pipes are closed. */
  isAlive(): boolean;
  /** SIGKILL, which a stopped process takes too; nothing if it has ended. */
  kill(): void;
}

/** One read takes in all that stands before the state (proc_pid_stat(5): id, name in parentheses, state). */
const STAT_BYTES = 512;

/** The process that has this id now (Linux). */
export function knowProcess(pid: number): KnownProcess {
  const stat = Buffer.alloc(STAT_BYTES);
  // Open all the time: what is read from it is about this very process, whoever gets its id later.
  const handle = openStat(pid);
  const isAlive = () => {
    if (handle === undefined) return false;
    try {
      const text = stat.toString("latin1", 0, readSync(handle, stat, 0, STAT_BYTES, 0));
      // The name may hold anything, parentheses too.
      const state = text[text.lastIndexOf(")") + 2];
      return state !== "Z" && state !== "X";
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
      throw error;
    }
  };
  return {
    isAlive,
    kill() {
      if (isAlive()) process.kill(pid, "SIGKILL");
    },
  };
}

function openStat(pid: number): number | undefined {
  try {
    return openSync(`/proc/${pid}/stat`, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
