import { openSync, readSync } from "node:fs";

/** A process, also when it has ended and another one has its id. */
export interface KnownProcess {
  /**
   * False as soon as it is certain that its main thread runs nothing more, which is long before its memory is freed and
   * its pipes are closed: a process that was killed has yet to be given a processor before it can end.
   */
  isAlive(): boolean;
  /** SIGKILL, which a stopped process takes too; nothing if it has ended. */
  kill(): void;
}

/** One read takes in all of proc_pid_stat(5): 52 numbers, and a name of 16 bytes. */
const STAT_BYTES = 1024;
/**
 * Where they stand behind the name: state (3), flags of the kernel (9), signals that are pending for the thread (31), exit
 * code (52; 0 to whoever may not trace the process). A killed process has the signal pending until it runs, and its flag
 * a few microseconds after; its exit code stands from the kill on (fs/proc/array.c of 6.18), a stopped one's is SIGSTOP.
 */
const STATE_AT = 0;
const FLAGS_AT = 6;
const PENDING_AT = 28;
const EXIT_CODE_AT = 49;
/** PF_EXITING (include/linux/sched.h), and SIGKILL, which nobody can take back, with its bit. */
const EXITING = 0x4;
const SIGKILL = 9;
const KILLED = 1 << (SIGKILL - 1);

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
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const state = fields[STATE_AT];
      if (state === "Z" || state === "X" || Number(fields[EXIT_CODE_AT]) === SIGKILL) return false;
      return (Number(fields[FLAGS_AT]) & EXITING) === 0 && (Number(fields[PENDING_AT]) & KILLED) === 0;
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
