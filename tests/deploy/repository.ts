import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository, from the compiled place of this file: tests/dist/deploy. */
export const repositoryRoot = fileURLToPath(new URL("../../../", import.meta.url));

export function inRepository(path: string): string {
  return join(repositoryRoot, path);
}

export function readRepositoryFile(path: string): string {
  return readFileSync(inRepository(path), "utf8");
}

/** Full path of a program, or undefined when this machine does not have it. */
export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface Outcome {
  readonly status: number | null;
  /** stdout and stderr. */
  readonly output: string;
}

export function run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Outcome {
  const result = spawnSync(program, args, {
    cwd: repositoryRoot,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (result.error) throw result.error;
  return { status: result.status, output: result.stdout + result.stderr };
}
