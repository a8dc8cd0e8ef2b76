import type { Clock, EndView, LiveEvent, Snapshot } from "@vigil/shared";
import type { FeedState } from "./live-feed.js";

/** As many ends as the gateway keeps in a snapshot (api.ts). */
const MAX_ENDS = 50;

/** What the page knows of the robot, reactive. */
export interface RobotState {
  readonly snapshot: Snapshot | null;
  /** When the snapshot came, on the page's clock. */
  readonly receivedAtMs: number;
  readonly feed: FeedState;
  /** True when what is shown may no longer be so. */
  readonly stale: boolean;
  /** For screen readers: the newest end or change of connection, in words. */
  readonly announcement: string;
  apply(event: LiveEvent): void;
  setFeed(state: FeedState): void;
}

export function createRobotState(clock: Clock): RobotState {
  let snapshot = $state.raw<Snapshot | null>(null);
  let receivedAtMs = $state(0);
  let feed = $state.raw<FeedState>({ kind: "connecting" });
  let announcement = $state("");
  const announced = new Set<string>();

  function announceNew(ends: readonly EndView[], first: boolean): void {
    for (const end of ends.toReversed()) {
      if (announced.has(endKey(end))) continue;
      announced.add(endKey(end));
      if (!first) announcement = endInWords(end);
    }
    for (const key of [...announced].slice(0, Math.max(0, announced.size - 2 * MAX_ENDS))) announced.delete(key);
  }

  return {
    get snapshot() {
      return snapshot;
    },
    get receivedAtMs() {
      return receivedAtMs;
    },
    get feed() {
      return feed;
    },
    get stale() {
      return feed.kind !== "live";
    },
    get announcement() {
      return announcement;
    },
    apply(event) {
      if (event.type === "snapshot") {
        announceNew(event.snapshot.ends, snapshot === null);
        snapshot = event.snapshot;
        receivedAtMs = clock.now();
      } else if (event.type === "end" && snapshot !== null) {
        announceNew([event.end], false);
        snapshot = { ...snapshot, ends: withEnd(snapshot.ends, event.end) };
      } else if (event.type === "part" && snapshot !== null) {
        const { part } = event;
        snapshot = { ...snapshot, parts: snapshot.parts.map((known) => (known.name === part.name ? part : known)) };
      }
    },
    setFeed(next) {
      const wasLive = feed.kind === "live";
      feed = next;
      if (wasLive && next.kind !== "live") announcement = "Connection to the gateway lost. The page shows old data.";
      if (!wasLive && next.kind === "live") announcement = "Connected to the gateway. The page is live.";
    },
  };
}

/** Tells ends apart: one session may be suspended many times and end once. */
export function endKey(end: EndView): string {
  return `${end.session} ${end.what} ${end.at}`;
}

/** The end's heading: what happened to whom. */
export function endInWords(end: EndView): string {
  const cause = end.cause.replaceAll("_", " ");
  if (end.what === "suspension") return `Session ${end.session} suspended (${cause})`;
  if (end.what === "quiet") return `Session ${end.session} stopped for being quiet`;
  const why = end.reason === null || end.reason === end.cause ? cause : `${end.reason} (${cause})`;
  return `Session ${end.session} ended: ${why}`;
}

function withEnd(ends: readonly EndView[], end: EndView): EndView[] {
  const key = endKey(end);
  if (ends.some((known) => endKey(known) === key)) return ends.map((known) => (endKey(known) === key ? end : known));
  return [end, ...ends].slice(0, MAX_ENDS);
}
