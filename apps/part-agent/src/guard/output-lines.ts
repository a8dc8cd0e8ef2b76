import { closeSync, constants, openSync } from "node:fs";
import { type Clock, type GpioLine, type Logger, type Timer, VigilError } from "@vigil/shared";
import {
  encodeLineRequest,
  encodeLineValues,
  GPIO_V2_GET_LINE,
  GPIO_V2_LINE_SET_VALUES,
  type Ioctl,
  lineHandleOf,
} from "../sentinel/gpio-abi.js";

/** An output line that this process holds. */
export interface HeldLine extends GpioLine {
  /** The line's handle; a process that inherits it holds the line as well. */
  readonly fd: number;
}

/**
 * The output lines of a part, held from its start to its end: the kernel frees a line whose last handle is closed, and
 * what becomes of the pin then is the chip's affair (many make it an input).
 */
export interface OutputLines {
  /** Those that are held by now. */
  held(): readonly HeldLine[];
  /** Why a line is not held yet, in words; empty: all are. */
  missing(): readonly string[];
  /** Makes the line inactive. @throws VigilError when it cannot be. */
  cut(line: GpioLine): void;
  /** Makes the line active: what it stops has been stopped, and no person is waited for. @throws VigilError */
  restore(line: GpioLine): void;
  close(): void;
}

export interface OutputLinesDeps {
  readonly clock: Pick<Clock, "after">;
  readonly log: Logger;
  readonly ioctl: Ioctl;
  /** A line that was not held at first is now. */
  acquired(): void;
}

/** How often a line that another process holds is asked for again, in ms: the sentinel before this one may be ending. */
const RETRY_MS = 100;

interface Line {
  readonly gpio: GpioLine;
  active: boolean;
  fd: number | undefined;
  problem: string;
}

/** @param wanted each line once or more. All are inactive at first: what they stop may still have a command in it. */
export function createOutputLines(
  { clock, log, ioctl, acquired }: OutputLinesDeps,
  wanted: readonly GpioLine[],
): OutputLines {
  const lines = new Map<string, Line>();
  for (const gpio of wanted) lines.set(keyOf(gpio), { gpio, active: false, fd: undefined, problem: "" });
  let retry: Timer | undefined;

  function acquire(line: Line): void {
    if (line.fd !== undefined) return;
    try {
      line.fd = requestLine(ioctl, line.gpio, line.active);
      line.problem = "";
    } catch (error) {
      const { message } = VigilError.from(error, "driver");
      if (message !== line.problem) log.error({ error: message }, "an output line is not held: it cannot be cut");
      line.problem = message;
    }
  }
  function acquireAll(): void {
    for (const line of lines.values()) acquire(line);
    if (missing().length > 0) retry = clock.after(RETRY_MS, again);
  }
  function again(): void {
    const before = held().length;
    acquireAll();
    if (held().length > before) acquired();
  }
  function set(gpio: GpioLine, active: boolean): void {
    const line = lines.get(keyOf(gpio));
    if (!line) throw new VigilError("driver", `${nameOf(gpio)} is not one of this part's lines`);
    line.active = active;
    if (line.fd === undefined) {
      // Asked for with this value, which is as good.
      acquire(line);
      if (line.fd === undefined) throw new VigilError("driver", line.problem);
      return acquired();
    }
    const failure = ioctl(line.fd, GPIO_V2_LINE_SET_VALUES, encodeLineValues(active));
    if (failure !== 0) throw new VigilError("driver", `${nameOf(gpio)} cannot be set: ${failure}`);
  }
  const held = () => [...lines.values()].flatMap(({ gpio, fd }) => (fd === undefined ? [] : [{ ...gpio, fd }]));
  const missing = () => [...lines.values()].flatMap(({ problem }) => (problem === "" ? [] : [problem]));

  acquireAll();
  return {
    held,
    missing,
    cut: (gpio) => set(gpio, false),
    restore: (gpio) => set(gpio, true),
    close() {
      retry?.cancel();
      for (const line of lines.values()) if (line.fd !== undefined) closeSync(line.fd);
      lines.clear();
    },
  };
}

const keyOf = ({ chip, line }: GpioLine) => `${chip}:${line}`;
const nameOf = ({ chip, line }: GpioLine) => `line ${line} of ${chip}`;

/** What to do about an error of the kernel. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such device; gpiodetect lists the chips",
  EACCES: "no permission; let the part-agent's user write to it (group gpio, DeviceAllow=char-gpiochip rw)",
  EPERM: "no permission; let the part-agent's user write to it (group gpio, DeviceAllow=char-gpiochip rw)",
  ENOTTY: "it is no GPIO chip; gpiodetect lists the chips",
  EBUSY: "another process or driver holds the line; gpioinfo names it",
  EINVAL: "the chip has no such line, or the kernel is older than 5.10; gpioinfo lists the lines",
};

/**
 * Asks the kernel for an output line that is `active` or not from the first instant.
 * @returns its handle.
 * @throws VigilError that says how to mend it.
 */
export function requestLine(ioctl: Ioctl, gpio: GpioLine, active: boolean): number {
  const refuse = (code: string): never => {
    const advice = ADVICE[code] ?? "see the kernel's log";
    throw new VigilError("driver", `${nameOf(gpio)} cannot be held: ${code}, ${advice}`);
  };
  const chip = openChip(gpio.chip, refuse);
  try {
    const request = encodeLineRequest(gpio.line, gpio.activeLow, active);
    const failure = ioctl(chip, GPIO_V2_GET_LINE, request);
    return failure === 0 ? lineHandleOf(request) : refuse(failure);
  } finally {
    closeSync(chip);
  }
}

function openChip(path: string, refuse: (code: string) => never): number {
  try {
    // Not to wait for whatever stands at that path instead of a chip.
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return refuse((error as NodeJS.ErrnoException).code ?? "an error");
  }
}
