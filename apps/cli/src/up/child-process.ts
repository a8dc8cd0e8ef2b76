import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Clock, type Logger, PARENT_PID_VARIABLE, type Timer } from "@vigil/shared";

export interface ChildOptions {
  /** For logs: "gateway", or the name of a part. */
  readonly name: string;
  /** The program, run by this Node. */
  readonly main: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface ChildDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A line that the child wrote, ready to be passed on. */
  onLine(line: string): void;
  /** The child ended without being asked to. @returns false to leave it down. */
  onExit(code: number | null): boolean;
}

/** One child of `vigil up`: started again whenever it ends, without limit, since a robot without its guard is worse. */
export interface SupervisedChild {
  readonly name: string;
  /** Starts it with this text on its standard input: secrets never stand among the arguments, which everybody can read. */
  start(input: string): void;
  /** SIGTERM, then SIGKILL after `limitMs`; resolves when it is gone. It is not started again. */
  stop(limitMs: number): Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;
/** A child that ran this long was well: its next restart is quick again. */
const WELL_AFTER_MS = 10_000;

export function createSupervisedChild(deps: ChildDeps, options: ChildOptions): SupervisedChild {
  const { clock, logger } = deps;
  let child: ChildProcess | undefined;
  let restart: Timer | undefined;
  let backoffMs = FIRST_BACKOFF_MS;
  let stopped = true;
  let onGone: (() => void) | undefined;

  function launch(input: string): void {
    const startedAt = clock.now();
    const started = spawnChild(options, input);
    child = started;
    for (const stream of [started.stdout, started.stderr])
      if (stream !== null) forwardLines(stream, options.name, deps);
    let ended = false;
    const end = (code: number | null, why: string) => {
      if (ended) return;
      ended = true;
      child = undefined;
      onGone?.();
      if (stopped || !deps.onExit(code) || stopped) return;
      if (clock.now() - startedAt >= WELL_AFTER_MS) backoffMs = FIRST_BACKOFF_MS;
      logger.warn(
        { from: options.name, restartInMs: backoffMs },
        `${options.name} ended (${why}): it is started again`,
      );
      restart = clock.after(backoffMs, () => launch(input));
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    };
    started.once("exit", (code, signal) => end(code, signal ?? `exit code ${code}`));
    started.once("error", (error) => end(null, error.message));
  }

  return {
    name: options.name,
    start(input) {
      stopped = false;
      launch(input);
    },
    stop(limitMs) {
      stopped = true;
      restart?.cancel();
      const running = child;
      if (running === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = clock.after(limitMs, () => {
          logger.error({ from: options.name }, `${options.name} did not end within ${limitMs} ms: it is killed`);
          running.kill("SIGKILL");
        });
        onGone = () => {
          timer.cancel();
          onGone = undefined;
          resolve();
        };
        running.kill("SIGTERM");
      });
    },
  };
}

function spawnChild(options: ChildOptions, input: string): ChildProcess {
  const child = spawn(process.execPath, [options.main, ...options.args], {
    cwd: options.directory,
    env: { ...options.env, [PARENT_PID_VARIABLE]: String(process.pid) },
    stdio: ["pipe", "pipe", "pipe"],
    // Its own group: Ctrl-C must reach `vigil up` alone, which stops its children in order.
    detached: true,
  });
  child.stdin?.on("error", () => {
    // It ended before it read its configuration; its exit tells why.
  });
  child.stdin?.end(input);
  return child;
}

/** Marks each JSON line with its origin, and makes JSON of what is none (a crash's stack). */
function forwardLines(stream: Readable, name: string, deps: ChildDeps): void {
  const origin = `{"from":${JSON.stringify(name)},`;
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    if (line.startsWith('{"')) deps.onLine(`${origin}${line.slice(1)}`);
    else if (line.trim() !== "") deps.logger.info({ from: name }, line);
  });
}
