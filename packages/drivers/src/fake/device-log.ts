import { closeSync, constants, openSync, writeSync } from "node:fs";
import { VigilError } from "@vigil/shared";

/** What a simulated device saw, one line per command. */
export interface DeviceLogLine {
  /** CLOCK_MONOTONIC in ms: comparable between the processes of one machine. */
  readonly t: number;
  readonly device: string;
  /** A command of the device, or "stop": from then on nothing of it moves. */
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Where a simulated device writes down what reaches it, so that other processes see what the hardware saw and when. */
export interface DeviceLog {
  append(line: DeviceLogLine): void;
  close(): void;
}

export const NO_DEVICE_LOG: DeviceLog = { append() {}, close() {} };

/**
 * A file or named pipe that gets one JSON line per command, written before the command returns: what a killed process
 * did is on record. Several devices may share a path: each line is one append.
 * @throws VigilError("bad_request") if the path cannot be written, or is a pipe that nobody reads.
 */
export function createFileDeviceLog(path: string): DeviceLog {
  let handle: number;
  try {
    // O_NONBLOCK: opening a pipe without a reader fails instead of freezing every driver of the process.
    handle = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o644);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VigilError("bad_request", `attribute "log_path" cannot be opened for writing: ${why}`, { cause: error });
  }
  let open = true;
  return {
    append(line) {
      if (open) writeSync(handle, `${JSON.stringify(line)}\n`);
    },
    close() {
      if (open) closeSync(handle);
      open = false;
    },
  };
}
