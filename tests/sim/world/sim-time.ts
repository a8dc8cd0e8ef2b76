import { setFlagsFromString } from "node:v8";

/** A task to come; cancelling one that has run does nothing. */
export interface Pending {
  cancel(): void;
}

/** The one true time of a simulated robot, which nobody in it can see. In ms. */
export interface SimTime {
  readonly now: number;
  readonly eventsRun: number;
  at(instant: number, task: () => void): Pending;
  /** Runs what comes due up to `instant`, each event at its own time, promises settled in between. */
  runUntil(instant: number): Promise<void>;
}

interface Entry extends Pending {
  readonly instant: number;
  readonly order: number;
  task: (() => void) | undefined;
}

/**
 * Settles every promise that an event has set going, however long its chain, as the end of a turn of the event loop does.
 * V8's own checkpoint, by its natives syntax: a turn of the loop for each event (setImmediate) took more than half of the
 * simulator's time. It does nothing while microtasks run, so `runUntil` runs its events in a turn of their own.
 */
const settlePromises: () => void = (() => {
  setFlagsFromString("--allow-natives-syntax");
  try {
    return new Function("%PerformMicrotaskCheckpoint()") as () => void;
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
})();

/** Runs the work in a turn of the event loop of its own, outside of any promise's reaction. */
const inOwnTurn = (work: () => void): Promise<void> =>
  new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        work();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });

/** More events than this at one instant, and a timer is spinning: no robot has so much to do at once. */
const MOST_EVENTS_AT_ONCE = 20_000;

export function createSimTime(): SimTime {
  const heap: Entry[] = [];
  let now = 0;
  let order = 0;
  let eventsRun = 0;
  let eventsAtOnce = 0;
  const isBefore = (a: Entry, b: Entry) => a.instant < b.instant || (a.instant === b.instant && a.order < b.order);

  function push(entry: Entry): void {
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  function pop(): Entry {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }

  return {
    get now() {
      return now;
    },
    get eventsRun() {
      return eventsRun;
    },
    at(instant, task) {
      const entry: Entry = {
        instant: Math.max(now, instant),
        order: order++,
        task,
        cancel() {
          entry.task = undefined;
        },
      };
      push(entry);
      return entry;
    },
    runUntil: (instant) =>
      inOwnTurn(() => {
        while (heap.length > 0 && heap[0]!.instant <= instant) {
          const entry = pop();
          const { task } = entry;
          if (!task) continue;
          entry.task = undefined;
          eventsAtOnce = entry.instant === now ? eventsAtOnce + 1 : 0;
          if (eventsAtOnce > MOST_EVENTS_AT_ONCE) throw new Error(`time stands still at ${now} ms: a timer spins`);
          now = entry.instant;
          eventsRun += 1;
          task();
          settlePromises();
        }
        now = Math.max(now, instant);
      }),
  };
}
