import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
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
  /** @throws VigilError "bad_request": bad configuration (exit 2); "limit": it cannot serve (exit 3). */
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

class ConfigProblem extends Error {}

/**
 * The process around an app: reads `--config FILE` (or standard input for "-"), starts it, and stops it on SIGTERM,
 * SIGINT, or when the parent that asked for it is gone. The only place that reads the environment and the arguments.
 */
export async function runApp<Config>(spec: AppSpec<Config>): Promise<void> {
  let exit = (code: number) => process.exit(code);
  try {
    const { values } = parseArgs({
      options: {
        config: { type: "string" },
        "log-level": { type: "string", default: "info" },
        help: { type: "boolean", default: false },
        version: { type: "boolean", default: false },
      },
    });
    if (values.version) {
      process.stdout.write(`${spec.version}\n`);
      return exit(ExitCode.asked);
    }
    if (values.help) {
      process.stdout.write(`${spec.name} --config FILE | -   [--log-level ${LOG_LEVELS.join("|")}]\n`);
      return exit(ExitCode.asked);
    }
    const level = values["log-level"] as LogLevel;
    if (!LOG_LEVELS.includes(level)) throw new ConfigProblem(`--log-level must be one of ${LOG_LEVELS.join(", ")}`);
    const config = readConfig(spec, values.config);
    const log = createLogger({ level, bindings: { app: spec.name } });
    process.on("uncaughtException", (error) => {
      // Nothing is known of our state any more; the sentinel or the next start stops the actuators.
      log.fatal({ error }, "unexpected error");
      exit(ExitCode.failed);
    });

    let running: RunningApp | undefined;
    let stopping = false;
    const stop = (code: number) => {
      if (stopping) return;
      stopping = true;
      setTimeout(() => process.exit(code || ExitCode.failed), STOP_TIMEOUT_MS).unref();
      (running?.stop() ?? Promise.resolve()).finally(() => process.exit(code));
    };
    exit = (code) => {
      stop(code);
      return undefined as never;
    };
    process.on("SIGTERM", () => stop(ExitCode.asked));
    process.on("SIGINT", () => stop(ExitCode.asked));
    const parent = parentPidOf(process.env);
    if (parent !== undefined) watchParent(createSystemClock(), parent, () => stop(ExitCode.asked));
    const manager = await createServiceManager(createSystemClock(), process.env);
    process.on("exit", () => manager.stopping());
    running = await spec.start(config, log, { exit, alive: manager.alive });
    manager.ready();
  } catch (error) {
    process.stderr.write(`${spec.name}: ${(error as Error).message}\n`);
    if (error instanceof ConfigProblem || isUsageError(error)) return exit(ExitCode.badConfig);
    const { reason } = VigilError.from(error);
    return exit(
      reason === "bad_request" ? ExitCode.badConfig : reason === "limit" ? ExitCode.cannotServe : ExitCode.failed,
    );
  }
}

function readConfig<Config>(spec: AppSpec<Config>, file: string | undefined): Config {
  if (file === undefined) throw new ConfigProblem('no configuration: give one with "--config FILE"');
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new ConfigProblem(`cannot read ${file}: ${(error as Error).message}`);
  }
  const directory = file === "-" ? process.cwd() : dirname(file);
  const { config, problems } = spec.load(text, createConfigContext({ directory, env: process.env }));
  for (const problem of problems) process.stderr.write(`${formatProblem(problem, file === "-" ? "config" : file)}\n`);
  if (!config) throw new ConfigProblem("the configuration has errors, see above; vigil check FILE lists them too");
  return config;
}

const isUsageError = (error: unknown) =>
  error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
