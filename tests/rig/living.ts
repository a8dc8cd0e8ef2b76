import type { ChildProcess } from "node:child_process";

const living = new Set<ChildProcess>();

/** Remembers a process that the rig started, until it has ended. */
export function keep(child: ChildProcess): ChildProcess {
  living.add(child);
  child.once("exit", () => living.delete(child));
  return child;
}

/** SIGKILL for whatever is left: a test that ran into its limit has cleaned up nothing, and must not hold the run. */
export function endAll(): void {
  for (const child of living) child.kill("SIGKILL");
}
