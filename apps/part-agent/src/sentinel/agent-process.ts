import { readFileSync } from "node:fs";

/** A process that can be told from a later one with the same id. */
export interface KnownProcess {
  isAlive(): boolean;
  /** SIGKILL, which a stopped process takes too; nothing if it is another one by now. */
  kill(): void;
}

/** Fields of /proc/PID/stat after the name, which may hold anything (proc_pid_stat(5): state is 3, starttime 22). */
const STATE = 0;
const START_TIME = 19;

/** The process that has this id now. Linux. */
export function knowProcess(pid: number): KnownProcess {
  const startTime = statOf(pid)?.[START_TIME];
  const isAlive = () => {
    const stat = statOf(pid);
    // A zombie runs no more: it only waits for its parent to take notice.
    return stat !== undefined && stat[START_TIME] === startTime && stat[STATE] !== "Z" && stat[STATE] !== "X";
  };
  return {
    isAlive,
    kill() {
      if (startTime !== undefined && isAlive()) process.kill(pid, "SIGKILL");
    },
  };
}

function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Gone before it was opened, or while it was read.
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
