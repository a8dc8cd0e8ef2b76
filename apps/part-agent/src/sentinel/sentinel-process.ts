import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Clock, every, type Logger, type Timer } from "@vigil/shared";
import { ARMED, BEAT, type EmergencyPlan, encodeMessage, type InheritedLine } from "./messages.js";

/** The agent's side of its sentinel: starts it, feeds it, and starts it again should it ever end. */
export interface SentinelProcess {
  /** The guard's tick has run. Nothing else may call this (rules.md, R7). */
  beat(): void;
  /** It watches. */
  readonly isArmed: boolean;
  /** Starts another one in its place, which holds the lines that are held by now. */
  renew(): void;
  /** The actuators are stopped: it ends without doing anything. Without this the agent's end is an emergency. */
  goodbye(): void;
  /** The agent ends though its actuators are not stopped: it carries out its emergency stops now. */
  abandon(): void;
}

export interface SentinelProcessDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly part: string;
  /** What stops the hardware now; looked at every second. */
  plan(): readonly EmergencyPlan[];
  /** Output lines that this process holds: it inherits them. Looked at when it is started. */
  lines(): readonly InheritedLine[];
}

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
/**
 * Its heap holds one plan; more would only make its memory grow before it is cleaned. V8's helper threads do not have its
 * priority: on a busy computer its main thread would wait for them while it cleans up.
 */
const ENGINE_OPTIONS = ["--max-old-space-size=16", "--single-threaded", "--v8-pool-size=0"];
/** Devices that are written at once: a device that hangs takes a thread with it. */
const THREADS = 64;
/** How often the plan is compared with what the sentinel has, in ms. */
const PLAN_PERIOD_MS = 1000;
/** After stdin, stdout and stderr. */
const FIRST_LINE_FD = 3;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5000;

export function createSentinelProcess(deps: SentinelProcessDeps): SentinelProcess {
  const { clock, log, part } = deps;
  let child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  let armed = false;
  let over = false;
  let told = "";
  let lines: readonly InheritedLine[] = [];
  let backoffMs = FIRST_BACKOFF_MS;
  let restart: Timer | undefined;

  function tellPlan(): void {
    const text = encodeMessage({ kind: "plan", part, pid: process.pid, resources: deps.plan(), lines });
    if (text === told || !child) return;
    told = text;
    child.stdin.write(text);
  }

  function start(): void {
    const held = deps.lines();
    lines = held.map((line, index) => ({ ...line, fd: FIRST_LINE_FD + index }));
    const started = spawn(process.execPath, [...ENGINE_OPTIONS, MAIN], {
      // Its own process group: Ctrl-C or a signal to the agent's group must not take it along.
      detached: true,
      cwd: "/",
      env: { UV_THREADPOOL_SIZE: String(THREADS) },
      stdio: ["pipe", "pipe", "inherit", ...held.map(({ fd }) => fd)],
    }) as ChildProcessByStdio<Writable, Readable, null>;
    child = started;
    armed = false;
    told = "";
    // A write that fails means that it is gone, which its exit tells.
    started.stdin.on("error", () => undefined);
    createInterface({ input: started.stdout }).on("line", (line) => {
      if (line !== ARMED || armed || child !== started) return;
      armed = true;
      backoffMs = FIRST_BACKOFF_MS;
    });
    let gone = false;
    const ended = (why: string) => {
      if (gone) return;
      gone = true;
      if (child !== started) return;
      child = undefined;
      armed = false;
      if (over) return;
      log.error(
        { why, restartInMs: backoffMs },
        "the sentinel has ended: nothing stops the part if the agent dies now",
      );
      restart = clock.after(backoffMs, start);
      backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS);
    };
    started.once("error", (error) => ended(error.message));
    started.once("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
    started.unref();
    tellPlan();
  }

  start();
  const planTimer = every(clock, PLAN_PERIOD_MS, tellPlan);
  const end = () => {
    over = true;
    planTimer.cancel();
    restart?.cancel();
    child?.stdin.end();
  };

  return {
    beat() {
      // One that waits for the pipe is enough: a sentinel that is stopped must not make the agent's memory grow.
      if (child && child.stdin.writableLength === 0) child.stdin.write(BEAT);
    },
    get isArmed() {
      return armed;
    },
    renew() {
      restart?.cancel();
      child?.stdin.end(encodeMessage({ kind: "goodbye" }));
      start();
    },
    goodbye() {
      child?.stdin.write(encodeMessage({ kind: "goodbye" }));
      end();
    },
    abandon: end,
  };
}
