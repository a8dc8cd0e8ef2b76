import { existsSync, readFileSync } from "node:fs";
import { until } from "./until.js";

/** One command that reached the simulated hardware, as its log has it. */
export interface DeviceCommand {
  /** CLOCK_MONOTONIC, in ms. */
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
  const all = (): DeviceCommand[] => {
    if (!existsSync(file)) return [];
    const text = readFileSync(file, "utf8");
    // The last line may still be in the writing.
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as DeviceCommand);
  };
  return {
    file,
    all,
    after: (count) => all().slice(count),
    came: (what, matches, from = 0) =>
      until(`the hardware gets ${what}`, () => all().slice(from).find(matches)).catch((error: Error) => {
        throw new Error(
          `${error.message}; it got:\n${all()
            .slice(from)
            .map((line) => JSON.stringify(line))
            .join("\n")}`,
        );
      }),
  };
}

/** A command that ends motion: of a driver, or of the sentinel that acts when its agent cannot. */
export const isStop = ({ command }: DeviceCommand): boolean => command === "stop" || command === "emergency_stop";
