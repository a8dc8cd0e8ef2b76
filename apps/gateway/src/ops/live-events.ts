import { type Clock, type EndView, every, type LiveEvent, type Snapshot } from "@vigil/shared";
import { encodeLiveEvent } from "./http-api.js";

/** A page that watches. */
export interface Watcher {
  send(text: string): void;
  /** Bytes that it has not read yet. */
  backlog(): number;
}

/** Tells the pages what changes: a snapshot at once, then on change at most ten a second and at least one a second. */
export interface LiveEvents {
  add(watcher: Watcher): () => void;
  /** Something that a snapshot shows may have changed. */
  changed(): void;
  ended(end: EndView): void;
  close(): void;
}

const SHORTEST_MS = 100;
const LONGEST_MS = 1000;
/** A page that lags this far behind misses snapshots until it has caught up: only the newest counts. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

export function createLiveEvents(deps: { readonly clock: Clock; snapshot(): Snapshot }): LiveEvents {
  const watchers = new Set<Watcher>();
  let dirty = false;
  let lastSentAt = -Infinity;

  const broadcast = (event: LiveEvent) => {
    if (watchers.size === 0) return;
    const text = encodeLiveEvent(event);
    for (const watcher of watchers) if (watcher.backlog() < MAX_BACKLOG_BYTES) watcher.send(text);
  };
  const timer = every(deps.clock, SHORTEST_MS, () => {
    const now = deps.clock.now();
    if (watchers.size === 0 || (!dirty && now - lastSentAt < LONGEST_MS)) return;
    dirty = false;
    lastSentAt = now;
    broadcast({ type: "snapshot", snapshot: deps.snapshot() });
  });

  return {
    add(watcher) {
      watchers.add(watcher);
      watcher.send(encodeLiveEvent({ type: "snapshot", snapshot: deps.snapshot() }));
      return () => watchers.delete(watcher);
    },
    changed() {
      dirty = true;
    },
    ended(end) {
      dirty = true;
      broadcast({ type: "end", end });
    },
    close: () => timer.cancel(),
  };
}
