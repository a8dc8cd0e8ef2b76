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

/** One turn of the loop: every promise that the event has set going is settled, however long its chain. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
    async runUntil(instant) {
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
        await settled();
      }
      now = Math.max(now, instant);
    },
  };
}
