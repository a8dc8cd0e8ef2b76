import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { createSystemClock } from "./clock.js";
import { type ConfigContext, createConfigContext } from "./config/config-context.js";
import type { Loaded } from "./config/part-config.js";
import { formatProblem } from "./config/problem.js";
import { VigilError } from "./errors.js";
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "./log.js";
import { createServiceManager } from "./service-manager.js";
import { parentPidOf, watchParent } from "./watch-parent.js";

/** A running app. */
export interface RunningApp {
  /** Stops actuators first, then everything. Never rejects for what cannot be helped. */
  stop(): Promise<void>;
}

export interface AppSpec<Config> {
  readonly name: string;
  readonly version: string;
  load(text: string, context: ConfigContext): Loaded<Config>;
  /** @throws VigilError "bad_request": bad configuration (exit 2); "cannot_serve": port taken, no permission (exit 3). */
  start(config: Config, log: Logger, control: AppControl): Promise<RunningApp>;
}

/** What an app may ask of its process. */
export interface AppControl {
  /** Stops the app, then ends the process with this code. */
  exit(code: number): void;
  /** The process still turns: to be called at each turn that proves it (the guard's tick, rules.md, R7). */
  alive(): void;
}

/** Exit codes of every command (outer contract). */
export const ExitCode = { asked: 0, failed: 1, badConfig: 2, cannotServe: 3 } as const;

/** Stopping has its own bounds; this one is for what hangs all the same. */
const STOP_TIMEOUT_MS = 5000;

/**
 * Buffers count as growth of the heap, and V8 collects all of it anew once it has grown by a tenth: 5 to 30 ms each time,
 * six times in a transfer of 8 MB. When it is three times as large is soon enough.
 */
const HEAP_GROWTH = "--heap-growing-percent=200";

/** Something that the person who started us has to mend first. */
class UsageError extends Error {}

interface Arguments {
  readonly configFile: string;
  readonly logLevel: LogLevel;
}

/**
 * The process around an app: reads `--config FILE` (or standard input for "-"), starts it, stops it on SIGTERM, SIGINT
 * or when the parent that asked for it is gone, and on SIGHUP starts it anew with the file as it is then. The only place
 * that reads the environment and the arguments.
 */
export async function runApp<Config>(spec: AppSpec<Config>): Promise<void> {
  setFlagsFromString(HEAP_GROWTH);
  try {
    const given = readArguments(spec);
    if (given) await serve(spec, given);
  } catch (error) {
    process.stderr.write(`${spec.name}: ${(error as Error).message}\n`);
    process.exit(exitCodeOf(error));
  }
}

async function serve<Config>(spec: AppSpec<Config>, { configFile, logLevel }: Arguments): Promise<void> {
  const clock = createSystemClock();
  const config = readConfig(spec, configFile);
  const log = createLogger({ level: logLevel, bindings: { app: spec.name } });
  const manager = await createServiceManager(clock, process.env);
  let running: RunningApp | undefined;
  let stopping = false;

  const stop = (code: number) => {
    if (stopping) return;
    stopping = true;
    manager.stopping();
    setTimeout(() => process.exit(code || ExitCode.failed), STOP_TIMEOUT_MS).unref();
    (running?.stop() ?? Promise.resolve()).finally(() => process.exit(code));
  };
  const reload = async () => {
    if (stopping || !running || configFile === "-") return;
    let next: Config;
    try {
      next = readConfig(spec, configFile);
    } catch (error) {
      log.error({ error: (error as Error).message }, "the configuration is as it was");
      return;
    }
    const before = running;
    running = undefined;
    log.info({}, "starting anew with the changed configuration");
    await before.stop();
    running = await spec.start(next, log, control);
  };
  const control: AppControl = { exit: stop, alive: manager.alive };

  process.on("uncaughtException", (error) => {
    // Nothing is known of our state any more: actuators are stopped as far as that goes, and at the next start.
    log.fatal({ error }, "unexpected error");
    stop(ExitCode.failed);
  });
  process.on("SIGTERM", () => stop(ExitCode.asked));
  process.on("SIGINT", () => stop(ExitCode.asked));
  let reloading = Promise.resolve();
  process.on("SIGHUP", () => {
    reloading = reloading.then(reload).catch((error) => {
      log.fatal({ error: (error as Error).message }, "could not start with the changed configuration");
      stop(exitCodeOf(error));
    });
  });
  const parent = parentPidOf(process.env);
  if (parent !== undefined) watchParent(clock, parent, () => stop(ExitCode.asked));
  running = await spec.start(config, log, control);
  manager.ready();
}

/** Undefined: the question has been answered, nothing is to be run. */
function readArguments(spec: { readonly name: string; readonly version: string }): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      "log-level": { type: "string", default: "info" },
      help: { type: "boolean", default: false },
      version: { type: "boolean", default: false },
    },
  });
  const logLevel = values["log-level"] as LogLevel;
  if (values.version) process.stdout.write(`${spec.version}\n`);
  else if (values.help) {
    process.stdout.write(`${spec.name} --config FILE | -   [--log-level ${LOG_LEVELS.join("|")}]\n`);
  } else if (!LOG_LEVELS.includes(logLevel)) {
    throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(", ")}`);
  } else if (values.config === undefined) {
    throw new UsageError('no configuration: give one with "--config FILE"');
  } else return { configFile: values.config, logLevel };
  return undefined;
}

function readConfig<Config>(spec: AppSpec<Config>, file: string): Config {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
  const directory = file === "-" ? process.cwd() : dirname(file);
  const { config, problems } = spec.load(text, createConfigContext({ directory, env: process.env }));
  // Whoever hands the configuration in by a pipe has checked it, and told the person already.
  const untold = file === "-" && config ? [] : problems;
  for (const problem of untold) process.stderr.write(`${formatProblem(problem, file === "-" ? "config" : file)}\n`);
  if (!config) throw new UsageError("the configuration has errors, see above; vigil check FILE lists them too");
  return config;
}

function exitCodeOf(error: unknown): number {
  const isBadArgument =
    error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  if (error instanceof UsageError || isBadArgument) return ExitCode.badConfig;
  const { reason } = VigilError.from(error);
  if (reason === "bad_request") return ExitCode.badConfig;
  return reason === "cannot_serve" ? ExitCode.cannotServe : ExitCode.failed;
}
