import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { monotonicMs, until } from "./until.js";

/** One command that reached the simulated hardware, as its log has it. */
export interface DeviceCommand {
  /**
   * CLOCK_MONOTONIC, in ms. A sentinel's stop is bytes that were fixed long before: its time is that of its being read,
   * which is later by as long as nobody looked.
   */
  readonly t: number;
  readonly device: string;
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** The hardware of one part, seen from outside. */
export interface DeviceLog {
  readonly file: string;
  all(): DeviceCommand[];
  /** What came after the first `count` commands. */
  after(count: number): DeviceCommand[];
  /** The first command after the first `from` for which `matches` holds. */
  came(what: string, matches: (command: DeviceCommand) => boolean, from?: number): Promise<DeviceCommand>;
}

export function createDeviceLog(file: string): DeviceLog {
  const commands: DeviceCommand[] = [];
  let readBytes = 0;
  /** Reads on from where it stopped: a log of many runs is long. */
  const readOn = (): DeviceCommand[] => {
    const text = readFrom(file, readBytes);
    const readAt = monotonicMs();
    // The last line may still be in the writing.
    const whole = text.subarray(0, text.lastIndexOf("\n") + 1);
    readBytes += whole.length;
    for (const line of whole.toString("utf8").split("\n")) {
      if (line !== "") commands.push({ t: readAt, ...JSON.parse(line) } as DeviceCommand);
    }
    return commands;
  };
  return {
    file,
    all: () => [...readOn()],
    after: (count) => readOn().slice(count),
    came: (what, matches, from = 0) =>
      until(`the hardware gets ${what}`, () => readOn().slice(from).find(matches)).catch((error: Error) => {
        throw new Error(
          `${error.message}; it got:\n${readOn()
            .slice(from)
            .map((line) => JSON.stringify(line))
            .join("\n")}`,
        );
      }),
  };
}

/** What a file holds from an offset on; nothing before it exists. */
function readFrom(file: string, offset: number): Buffer {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(handle).size - offset));
    return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, offset));
  } finally {
    closeSync(handle);
  }
}

/** A command that ends motion: of a driver, or of the sentinel that acts when its agent cannot. */
export const isStop = ({ command }: DeviceCommand): boolean => command === "stop" || command === "emergency_stop";

/** Commands to devices that had been stopped before, in the order of their receipt. */
export function actsAfterStop(commands: readonly DeviceCommand[]): number {
  const stopped = new Set<string>();
  let acts = 0;
  for (const command of commands) {
    if (isStop(command)) stopped.add(command.device);
    else if (stopped.has(command.device)) acts += 1;
  }
  return acts;
}
