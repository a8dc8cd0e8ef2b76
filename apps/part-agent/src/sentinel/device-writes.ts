import { constants, type FileHandle, open } from "node:fs/promises";
import type { ByteWrite, Clock, DeviceWrite, GpioLine } from "@vigil/shared";
import { setSerialSpeed } from "./serial-speed.js";

/** What the writes of one resource may take together, in ms (docs/operations.md: each driver's at most 500 ms). */
export const WRITES_LIMIT_MS = 500;
/** How soon a device that takes no bytes now is tried again, in ms. */
const RETRY_MS = 2;

/** Makes an output line inactive; throws what went wrong. */
export type CutLine = (line: GpioLine) => void | Promise<void>;

const noLine: CutLine = () => {
  throw new Error("no output line is held here");
};

/**
 * Carries out the writes of an emergency stop, one after the other. One that fails or hangs keeps the next one from
 * nothing. Never rejects, and returns after {@link WRITES_LIMIT_MS} at the latest.
 * @returns what went wrong, in words; empty: all was written.
 */
export async function carryOut(
  clock: Pick<Clock, "now" | "after">,
  writes: readonly DeviceWrite[],
  cutLine: CutLine = noLine,
): Promise<readonly string[]> {
  const deadline = clock.now() + WRITES_LIMIT_MS;
  const problems: string[] = [];
  for (const [index, write] of writes.entries()) {
    // What is left is shared out, so that one device that hangs leaves time for the next.
    const limitMs = Math.max(0, deadline - clock.now()) / (writes.length - index);
    try {
      if ("gpio" in write) await within(clock, limitMs, async () => cutLine(write.gpio));
      else await within(clock, limitMs, (expired) => writeDevice(clock, write, expired));
    } catch (error) {
      const what = "gpio" in write ? `${write.gpio.chip} line ${write.gpio.line}` : write.path;
      problems.push(`${what}: ${(error as Error).message}`);
    }
  }
  return problems;
}

async function within(
  clock: Pick<Clock, "after">,
  limitMs: number,
  work: (expired: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const { promise: expired, reject } = rejection();
  const timer = clock.after(limitMs, () => {
    const error = new Error(`it took nothing within ${Math.round(limitMs)} ms`);
    controller.abort(error);
    reject(error);
  });
  try {
    await Promise.race([work(controller.signal), expired]);
  } finally {
    timer.cancel();
  }
}

function rejection(): { readonly promise: Promise<never>; reject(error: Error): void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_resolve, onReject) => {
    reject = onReject;
  });
  return { promise, reject };
}

async function writeDevice(clock: Pick<Clock, "after">, write: ByteWrite, expired: AbortSignal): Promise<void> {
  // Not to wait for a modem's carrier or for the reader of a pipe; not to become the terminal's process; a file is
  // appended to, which a line's value file takes as any other write.
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_APPEND;
  const device = await open(write.path, flags);
  try {
    let misfit: unknown;
    if (write.baudRate !== undefined) {
      // The driver has most likely set the speed already: a failure here must not keep the bytes from their device.
      await setSerialSpeed(device.fd, write.baudRate).catch((error: unknown) => {
        misfit = error;
      });
    }
    await writeBytes(clock, device, Buffer.from(write.hex, "hex"), expired);
    if (misfit !== undefined) throw misfit;
  } finally {
    // Not awaited: closing a serial port may wait for bytes that its device does not take (30 s in Linux). That the
    // close fails is no news for anybody: the bytes were taken.
    device.close().catch(() => undefined);
  }
}

async function writeBytes(
  clock: Pick<Clock, "after">,
  device: FileHandle,
  bytes: Buffer,
  expired: AbortSignal,
): Promise<void> {
  for (let rest = bytes; rest.length > 0; ) {
    expired.throwIfAborted();
    try {
      const { bytesWritten } = await device.write(rest);
      rest = rest.subarray(bytesWritten);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
    }
  }
}
