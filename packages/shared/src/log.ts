import { isatty } from "node:tty";
import { type DestinationStream, destination, type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type { Logger } from "pino";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Default "info". */
  readonly level?: LogLevel;
  /** Default: stderr. */
  readonly destination?: DestinationStream;
  /** Put into every line, such as { part: "arm" }. */
  readonly bindings?: Readonly<Record<string, string>>;
}

const STDERR = 2;
/** Lines that wait for a reader who has stopped; beyond it lines are dropped, since a log must never hold up a stop. */
const MAX_WAITING_CHARS = 1024 * 1024;

/**
 * A logger that writes JSON lines, or readable text when stderr is a terminal. It never blocks: a terminal that was
 * stopped with Ctrl-S, or a full pipe, would otherwise hold up the event loop and with it the stops.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = "info", bindings = {} } = options;
  const settings = { level, base: bindings, formatters: { level: (label: string) => ({ level: label }) } };
  return pino({ ...settings, timestamp: pino.stdTimeFunctions.isoTime }, options.destination ?? stderrStream());
}

function stderrStream(): DestinationStream {
  const output = destination({ dest: STDERR, sync: false, maxLength: MAX_WAITING_CHARS });
  return isatty(STDERR) ? createPrettyStream(output) : output;
}

/** Turns JSON lines into readable ones on their way to `output`; other lines pass as they are. */
export function createPrettyStream(output: DestinationStream & { on?: unknown }, colorize = true): DestinationStream {
  return pretty({
    destination: output as never,
    colorize,
    ignore: "hostname,pid",
    translateTime: "SYS:HH:MM:ss.l",
  });
}
