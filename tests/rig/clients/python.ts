import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "0.85.1";
/** An installation downloads about 30 MB once; then it lies here for every later run. */
const CACHE = fileURLToPath(new URL("../../../.cache/", import.meta.url));
const DIRECTORY = join(CACHE, `viam-sdk-${VERSION}`);
const PYTHON = join(DIRECTORY, "bin", "python");
const DONE = join(DIRECTORY, "installed");

/** The Python that has Viam's SDK, or why there is none. */
export function findPython(): { python: string } | { missing: string } {
  if (existsSync(DONE)) return { python: PYTHON };
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const steps: [string, string[]][] = [
    ["python3", ["-m", "venv", DIRECTORY]],
    [PYTHON, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `viam-sdk==${VERSION}`]],
    ["touch", [DONE]],
  ];
  for (const [command, args] of steps) {
    const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
    if (status !== 0) {
      const why = (error?.message ?? stderr).trim().split("\n").at(-1);
      return { missing: `PYTHON SDK NOT TESTED: viam-sdk ${VERSION} could not be installed: ${why}` };
    }
  }
  return { python: PYTHON };
}

/** The program, which is source: tsc does not copy it. */
export const PYTHON_CLIENT = fileURLToPath(new URL("../../../rig/python/client.py", import.meta.url));
