import { isatty } from "node:tty";
import { type Logger, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { createSystemClock } from "./clock.js";
import { createNonBlockingStream, type LineStream } from "./non-blocking-stream.js";

export type { Logger } from "pino";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Default "info". */
  readonly level?: LogLevel;
  /** Gets JSON lines. Default: stderr. */
  readonly destination?: LineStream;
  /** Put into every line, such as { part: "arm" }. */
  readonly bindings?: Readonly<Record<string, string>>;
}

const STDERR = 2;

/** A logger that writes JSON lines, or readable text when stderr is a terminal. It never blocks. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = "info", bindings = {} } = options;
  const settings = { level, base: bindings, formatters: { level: (label: string) => ({ level: label }) } };
  return pino({ ...settings, timestamp: pino.stdTimeFunctions.isoTime }, options.destination ?? stderrStream());
}

function stderrStream(): LineStream {
  const stream = createNonBlockingStream(STDERR, createSystemClock());
  if (!isatty(STDERR)) return stream;
  const format = createLineFormat();
  return { write: (line) => stream.write(format(line)) };
}

/** Makes a JSON line readable, with its end; a line that is no JSON stays as it is. */
export function createLineFormat(): (line: string) => string {
  const format = prettyFactory({ colorize: true, ignore: "hostname,pid", translateTime: "SYS:HH:MM:ss.l" });
  return (line) => {
    const text: unknown = format(line);
    return typeof text === "string" ? text : "";
  };
}
