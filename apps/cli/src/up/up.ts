import { isatty } from "node:tty";
import {
  type Clock,
  createLogger,
  ExitCode,
  gatewayUrl,
  type Loaded,
  type Logger,
  type LogLevel,
  loadRobotConfig,
  parentPidOf,
  type Random,
  type RobotConfig,
  watchParent,
} from "@vigil/shared";
import { appMain } from "../apps.js";
import { openConfigFile } from "../config-file.js";
import { findFreePort } from "./free-port.js";
import { createOutput } from "./output.js";
import { watchReadiness } from "./readiness.js";
import { createRobot } from "./robot.js";

export interface UpOptions {
  readonly file: string;
  readonly logLevel: LogLevel;
  readonly noTls: boolean;
  readonly ignored: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Viam's own test suites wait for this very line (compat.md, section 10). */
const READY_LINE = "Robot constructed with full config";
const SECRET_BYTES = 32;
const STDERR = 2;

/** `vigil up`: runs until it is asked to stop, or a child refuses to start. @returns the exit code. */
export async function runUp(
  deps: { readonly clock: Clock; readonly random: Random },
  options: UpOptions,
): Promise<number> {
  const output = createOutput(deps.clock);
  const logger = createLogger({
    level: options.logLevel,
    destination: { write: (line) => output.line(line.trimEnd()) },
  });
  const code = await superviseRobot({ ...deps, logger, output }, options);
  await output.close();
  return code;
}

async function superviseRobot(
  deps: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly output: ReturnType<typeof createOutput>;
  },
  options: UpOptions,
): Promise<number> {
  const { clock, logger, output } = deps;
  const load = await createLoader(deps, options);
  const config = load();
  if (config === undefined) return ExitCode.badConfig;
  if (options.ignored.length > 0)
    logger.info(`without effect here: ${options.ignored.map((flag) => `-${flag}`).join(" ")}`);

  const ending = createEnding();
  const robot = createRobot(
    { clock, logger, onLine: output.line, onEnd: ending.resolve },
    {
      mains: { gateway: appMain("gateway"), partAgent: appMain("part-agent") },
      args: ["--config", "-", "--log-level", options.logLevel],
      directory: config.directory,
      env: options.env,
    },
  );
  const reload = () => {
    const changed = load();
    if (changed === undefined) logger.error("the changed file has errors: the robot goes on with the old one");
    else void robot.apply(changed.robot).then(() => logger.info("the file was read again"));
  };
  const release = onSignals({ end: () => ending.resolve(ExitCode.asked), reload, clock, env: options.env });
  const readiness = watchReadiness(deps, { address: gatewayUrl(config.robot.gateway).replace(/^ws/, "http") }, () => {
    robot.markReady();
    output.print([READY_LINE, ...addressesOf(config.robot)].join("\n"));
    logger.info("ready");
  });
  await robot.apply(config.robot);
  const code = await ending.promise;
  readiness.cancel();
  await robot.stop();
  release();
  logger.info("stopped");
  return code;
}

/** The exit code, once somebody has decided on it; the first one counts. */
function createEnding(): { readonly promise: Promise<number>; resolve(code: number): void } {
  let resolve: (code: number) => void = () => {};
  const promise = new Promise<number>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: (code) => resolve(code) };
}

/** Reads the file, now and after SIGHUP, with the same secrets and port each time. */
async function createLoader(deps: { readonly random: Random; readonly logger: Logger }, options: UpOptions) {
  const secrets = new Map<string, string>();
  const secretOf = (part: string) => {
    const secret = secrets.get(part) ?? Buffer.from(deps.random.bytes(SECRET_BYTES)).toString("hex");
    secrets.set(part, secret);
    return secret;
  };
  const port = await findFreePort("127.0.0.1");
  return (): { readonly robot: RobotConfig; readonly directory: string } | undefined => {
    const opened = openConfigFile(options.file, options.env);
    if (opened instanceof Error) {
      deps.logger.error(`${options.file} ${opened.message}`);
      return undefined;
    }
    const loaded = loadRobotConfig(opened.text, opened.context, { secretOf, port, noTls: options.noTls });
    logProblems(deps.logger, options.file, loaded);
    return loaded.config && { robot: loaded.config, directory: opened.directory };
  };
}

function logProblems(logger: Logger, file: string, { problems }: Loaded<unknown>): void {
  for (const { severity, path, line, message } of problems) {
    const text = path === "" ? message : `${path}: ${message}`;
    if (severity === "fatal") logger.error({ file, line }, text);
    else logger.warn({ file, line }, text);
  }
}

/** @returns what takes the handlers away again. */
function onSignals(on: { end(): void; reload(): void; clock: Clock; env: NodeJS.ProcessEnv }): () => void {
  // From a terminal that closes, SIGHUP means just that; else it is the usual request to read the file again.
  const hangUp = isatty(STDERR) ? on.end : on.reload;
  process.on("SIGTERM", on.end);
  process.on("SIGINT", on.end);
  process.on("SIGHUP", hangUp);
  const parentPid = parentPidOf(on.env);
  const watch = parentPid === undefined ? undefined : watchParent(on.clock, parentPid, on.end);
  return () => {
    process.off("SIGTERM", on.end);
    process.off("SIGINT", on.end);
    process.off("SIGHUP", hangUp);
    watch?.cancel();
  };
}

/** Where to find the robot, for the person who started it. */
function addressesOf({ gateway }: RobotConfig): string[] {
  const console = gatewayUrl(gateway).replace(/^ws/, "http");
  const metrics = gateway.metricsBind;
  return [
    `console  ${console}/`,
    `gRPC     ${console.replace(/^https?:\/\//, "")}`,
    `metrics  ${metrics === undefined ? `${console}/metrics` : `http://${metrics.host}:${metrics.port}/metrics`}`,
  ];
}
