import { type Clock, ExitCode, type Logger, type RobotConfig } from "@vigil/shared";
import { createSupervisedChild, type SupervisedChild } from "./child-process.js";

export interface RobotDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  onLine(line: string): void;
  /** The robot cannot or need not go on: a child refused to start, or a client asked for the shutdown. */
  onEnd(code: number): void;
}

export interface RobotOptions {
  readonly mains: { readonly gateway: string; readonly partAgent: string };
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The child processes of one robot: the gateway, and a part-agent for each part. */
export interface Robot {
  /** Starts what is new, restarts what has changed, ends what is gone, and leaves the rest alone. */
  apply(config: RobotConfig): Promise<void>;
  /** From now on a child that refuses to start is started again: it has run before. */
  markReady(): void;
  /** Ends all: parts first, while their gateway can still tell their clients. */
  stop(): Promise<void>;
}

/** A part stops its actuators within 2 s, else runs its emergency stop (contract.md): the rest is for that. */
const PART_STOP_LIMIT_MS = 3000;
const GATEWAY_STOP_LIMIT_MS = 2000;
const GATEWAY = "gateway";

export function createRobot(deps: RobotDeps, options: RobotOptions): Robot {
  /** By name; a part may be called "gateway" as well, hence the prefix. */
  const running = new Map<string, { readonly child: SupervisedChild; readonly input: string }>();
  let ready = false;
  let ending = false;
  /** Changes come one after another: two requests to read the file again must not start a child twice. */
  let lastChange: Promise<void> = Promise.resolve();

  function start(key: string, input: string): void {
    const isGateway = key === GATEWAY;
    const name = isGateway ? GATEWAY : key.slice("part ".length);
    const child = createSupervisedChild(
      {
        ...deps,
        onExit(code) {
          if (!ready && (code === ExitCode.badConfig || code === ExitCode.cannotServe)) {
            deps.logger.error({ from: name }, `${name} refuses to start (exit code ${code})`);
            deps.onEnd(code);
            return false;
          }
          if (!isGateway || code !== ExitCode.asked) return true;
          // Only a Shutdown call or an operator makes a gateway end well.
          deps.logger.info("the gateway was asked to end: the robot ends with it");
          deps.onEnd(ExitCode.asked);
          return false;
        },
      },
      {
        name,
        main: isGateway ? options.mains.gateway : options.mains.partAgent,
        args: options.args,
        directory: options.directory,
        env: options.env,
      },
    );
    running.set(key, { child, input });
    child.start(input);
  }

  async function stopKeys(keys: readonly string[], limitMs: number): Promise<void> {
    await Promise.all(keys.map((key) => running.get(key)?.child.stop(limitMs)));
    for (const key of keys) running.delete(key);
  }

  async function change(config: RobotConfig): Promise<void> {
    const wanted = inputsOf(config);
    // No SIGHUP to the others: their configuration came on standard input, so they have nothing to read again.
    const changed = [...running].filter(([key, { input }]) => input !== wanted.get(key)).map(([key]) => key);
    await stopKeys(changed.filter(isPart), PART_STOP_LIMIT_MS);
    await stopKeys(
      changed.filter((key) => !isPart(key)),
      GATEWAY_STOP_LIMIT_MS,
    );
    if (ending) return;
    for (const [key, input] of wanted) if (!running.has(key)) start(key, input);
  }

  return {
    apply(config) {
      lastChange = lastChange.then(() => change(config));
      return lastChange;
    },
    markReady() {
      ready = true;
    },
    async stop() {
      ending = true;
      await lastChange;
      await stopKeys([...running.keys()].filter(isPart), PART_STOP_LIMIT_MS);
      await stopKeys([...running.keys()], GATEWAY_STOP_LIMIT_MS);
    },
  };
}

const isPart = (key: string) => key !== GATEWAY;

/** What each child reads from its standard input. */
function inputsOf(config: RobotConfig): Map<string, string> {
  return new Map([
    [GATEWAY, JSON.stringify(config.files.gateway)],
    ...config.parts.map((part, index): [string, string] => [
      `part ${part.part.name}`,
      JSON.stringify(config.files.parts[index]),
    ]),
  ]);
}
