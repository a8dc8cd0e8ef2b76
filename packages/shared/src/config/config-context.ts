import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ProblemList } from "./problem.js";

/** All that loading a configuration may ask of the world. */
export interface ConfigContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file that the configuration names; throws when it cannot be read. */
  readFile(path: string): string;
  /** The folder of the configuration, beside which files lie that it names; absent: there is none. */
  readonly directory?: string;
}

/** What the steps of one load hand on to each other. */
export interface Loading {
  readonly context: ConfigContext;
  readonly problems: ProblemList;
}

/** The real thing: files that the configuration names are looked up beside the configuration itself. */
export function createConfigContext(options: {
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): ConfigContext {
  return {
    env: options.env,
    directory: resolve(options.directory),
    readFile: (path) => readFileSync(resolve(options.directory, path), "utf8"),
  };
}
