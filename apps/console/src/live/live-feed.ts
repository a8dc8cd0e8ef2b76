import type { Clock, LiveEvent, Timer } from "@vigil/shared";
import { ApiError, type VigilApi } from "../api/vigil-api.js";

/** The gateway promises a frame a second; two missed ones and some slack mean that what is shown is old. */
const STALE_AFTER_MS = 2_500;
/** A socket that has been silent this long is given up: a cut cable closes no socket by itself. */
const GIVE_UP_AFTER_MS = 6_000;
/** A socket that has not opened by then will not: it is tried anew. */
const OPEN_LIMIT_MS = 5_000;
const FIRST_RETRY_MS = 250;
/** Long enough not to hammer a gateway that restarts, short enough that a person does not press reload. */
const LAST_RETRY_MS = 5_000;

export type FeedState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** The socket is open but silent. */
  | { kind: "stale" }
  /** Not connected; `retryAtMs` is on the clock given. */
  | { kind: "waiting"; retryAtMs: number; why: string }
  /** The API asks for a token. */
  | { kind: "denied" };

export interface LiveFeed {
  /** Connects; called again (after a log-in, when the network is back), it tries at once. */
  start(): void;
  close(): void;
}

export interface LiveFeedDeps {
  clock: Clock;
  api: VigilApi;
  onEvent(event: LiveEvent): void;
  onState(state: FeedState): void;
}

/** Holds one WebSocket to /vigil/v1/events, and opens it anew with backoff for as long as the page lives. */
export function createLiveFeed({ clock, api, onEvent, onState }: LiveFeedDeps): LiveFeed {
  let attempt = 0;
  let turn = 0;
  let socket: WebSocket | undefined;
  let timer: Timer | undefined;
  let state: FeedState = { kind: "connecting" };

  function setState(next: FeedState): void {
    state = next;
    onState(next);
  }

  function drop(): void {
    turn += 1;
    timer?.cancel();
    socket?.close();
    socket = undefined;
  }

  function retry(why: string): void {
    drop();
    const delayMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
    attempt += 1;
    setState({ kind: "waiting", retryAtMs: clock.now() + delayMs, why });
    timer = clock.after(delayMs, connect);
  }

  function watch(silentSinceMs: number): void {
    timer?.cancel();
    timer = clock.after(STALE_AFTER_MS, () => {
      setState({ kind: "stale" });
      timer = clock.after(GIVE_UP_AFTER_MS - (clock.now() - silentSinceMs), () => retry("the gateway fell silent"));
    });
  }

  function receive(text: string): void {
    let event: LiveEvent;
    try {
      event = JSON.parse(text);
    } catch {
      retry("the gateway sent something that is not JSON");
      return;
    }
    attempt = 0;
    watch(clock.now());
    onEvent(event);
    if (state.kind !== "live") setState({ kind: "live" });
  }

  function open(mine: number): void {
    const opened = new WebSocket(api.eventsUrl());
    socket = opened;
    timer = clock.after(OPEN_LIMIT_MS, () => retry("the gateway does not answer"));
    opened.onopen = () => {
      if (mine === turn) watch(clock.now());
    };
    opened.onmessage = ({ data }) => {
      if (mine === turn && typeof data === "string") receive(data);
    };
    opened.onclose = () => {
      if (mine === turn) retry("the connection to the gateway closed");
    };
  }

  /** A browser hides why a WebSocket was refused, so an ordinary request asks first. */
  async function connect(): Promise<void> {
    drop();
    const mine = turn;
    if (state.kind !== "waiting") setState({ kind: "connecting" });
    try {
      await api.robot();
    } catch (error) {
      if (mine !== turn) return;
      if (error instanceof ApiError && error.status === 401) setState({ kind: "denied" });
      else retry(error instanceof ApiError ? error.message : "the gateway cannot be reached");
      return;
    }
    if (mine === turn) open(mine);
  }

  return {
    start() {
      attempt = 0;
      void connect();
    },
    close: drop,
  };
}
