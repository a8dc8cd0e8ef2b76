import type { Clock } from "@vigil/shared";

/** A clock that stands until it is moved. */
export function manualClock() {
  let nowMs = 0;
  const tasks: { atMs: number; task: () => void }[] = [];
  const clock: Clock = {
    now: () => nowMs,
    wall: () => nowMs,
    after(delayMs, task) {
      const entry = { atMs: nowMs + delayMs, task };
      tasks.push(entry);
      return { cancel: () => void tasks.splice(tasks.indexOf(entry), 1) };
    },
  };
  const advance = (ms: number) => {
    nowMs += ms;
    for (const entry of tasks.filter(({ atMs }) => atMs <= nowMs)) {
      tasks.splice(tasks.indexOf(entry), 1);
      entry.task();
    }
  };
  return { clock, advance };
}
