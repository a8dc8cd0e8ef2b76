import { parseArgs } from "node:util";
import { LOG_LEVELS, type LogLevel } from "@vigil/shared";

const COMMANDS = ["up", "gateway", "part-agent", "check"] as const;
export type Command = (typeof COMMANDS)[number];

export type Arguments =
  | { readonly kind: "help"; readonly command?: Command }
  | { readonly kind: "version" }
  | { readonly kind: "usage"; readonly message: string }
  | {
      readonly kind: "run";
      readonly command: Command;
      /** The configuration; "-" is standard input. */
      readonly file: string;
      readonly logLevel: LogLevel;
      readonly noTls: boolean;
      /** Flags of viam-server that were given and change nothing here. */
      readonly ignored: readonly string[];
    };

/** Flags of viam-server that change nothing here: what they switch is not there, or always so (compat.md, section 9). */
const IGNORED_FLAGS = [
  "disable-mdns",
  "webrtc",
  "webprofile",
  "ftdc",
  "allow-insecure-creds",
  "untrusted-env",
  "reveal-sensitive-config-diffs",
] as const;
const IGNORED_FLAGS_WITH_VALUE = ["log-file"] as const;

const OPTIONS = {
  config: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
  "log-level": { type: "string" },
  debug: { type: "boolean" },
  "no-tls": { type: "boolean" },
  ...(Object.fromEntries(IGNORED_FLAGS.map((flag) => [flag, { type: "boolean" }])) as Record<
    (typeof IGNORED_FLAGS)[number],
    { type: "boolean" }
  >),
  ...(Object.fromEntries(IGNORED_FLAGS_WITH_VALUE.map((flag) => [flag, { type: "string" }])) as Record<
    (typeof IGNORED_FLAGS_WITH_VALUE)[number],
    { type: "string" }
  >),
} as const;

/** What was asked for. Viam's single-dash flags are understood, so that `vigil` can stand in for viam-server. */
export function parseArguments(argv: readonly string[]): Arguments {
  const parsed = parse(argv);
  if (parsed instanceof Error) return usage(parsed.message);
  const { values, positionals } = parsed;
  const command = COMMANDS.find((known) => known === positionals[0]);
  if (values.help) return { kind: "help", ...(command !== undefined && { command }) };
  if (values.version) return { kind: "version" };
  const rest = command === undefined ? positionals : positionals.slice(1);
  if (command === undefined && positionals.length > 0) return usage(`there is no command "${positionals[0]}"`);
  if (command === undefined && values.config === undefined) return usage("name a command");
  if (rest.length > 1 || (rest.length === 1 && values.config !== undefined)) return usage("name one file only");
  const file = values.config ?? rest[0];
  if (file === undefined || file === "") return usage(`${command} needs a configuration file`);
  const logLevel = values["log-level"] ?? (values.debug ? "debug" : "info");
  if (!isLogLevel(logLevel)) return usage(`--log-level must be one of ${LOG_LEVELS.join(", ")}`);
  const ignored = [...IGNORED_FLAGS, ...IGNORED_FLAGS_WITH_VALUE].filter((flag) => values[flag] !== undefined);
  return { kind: "run", command: command ?? "up", file, logLevel, noTls: values["no-tls"] ?? false, ignored };
}

function parse(argv: readonly string[]) {
  try {
    // Go's flags have one dash: "-config" must not be read as -c -o -n -f -i -g.
    const args = argv.map((argument) => (/^-[a-z][a-z-]+(=|$)/.test(argument) ? `-${argument}` : argument));
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function usage(message: string): Arguments {
  return { kind: "usage", message };
}

function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}
