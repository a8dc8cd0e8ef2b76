import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type ConfigContext, createConfigContext } from "@vigil/shared";

export interface OpenedFile {
  readonly text: string;
  readonly context: ConfigContext;
  /** Files that the configuration names are looked up here. */
  readonly directory: string;
}

const STDIN = 0;

/** The text of a configuration file ("-": standard input); an Error that says why it cannot be read. */
export function openConfigFile(file: string, env: NodeJS.ProcessEnv): OpenedFile | Error {
  const directory = file === "-" ? process.cwd() : dirname(resolve(file));
  try {
    const text = readFileSync(file === "-" ? STDIN : file, "utf8");
    return { text, directory, context: createConfigContext({ directory, env }) };
  } catch (error) {
    return new Error(`cannot be read (${error instanceof Error ? error.message : error}): check the path`);
  }
}
