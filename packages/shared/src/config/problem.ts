/**
 * How bad a problem of a configuration file is.
 *
 * - `fatal`: nothing starts (exit code 2): gateway, network, auth, link, store and safety keys.
 * - `resource`: that resource, module or remote is UNHEALTHY with this text, the rest runs.
 * - `warning`: it runs, but probably not as meant.
 */
export type Severity = "fatal" | "resource" | "warning";

/** One problem of a configuration file, worded for the person who has to mend it, in ASCII. */
export interface Problem {
  readonly severity: Severity;
  /** Place in the file, as in `components[2].safety.stop_timeout`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** Line in the file, from 1, where it is known. */
  readonly line?: number;
}

export type Path = readonly (string | number)[];

/** Collects every problem of one file, so that a person sees all of them at once. */
export interface ProblemList {
  add(severity: Severity, path: Path, message: string): void;
  all(): readonly Problem[];
  hasFatal(): boolean;
}

export function createProblemList(lineOf: (path: Path) => number | undefined = () => undefined): ProblemList {
  const problems: Problem[] = [];
  return {
    add(severity, path, message) {
      const line = lineOf(path);
      problems.push({ severity, path: formatPath(path), message: toAscii(message), ...(line && { line }) });
    },
    all: () => [...problems],
    hasFatal: () => problems.some((problem) => problem.severity === "fatal"),
  };
}

/** `["components", 2, "safety"]` as `components[2].safety`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return toAscii(text);
}

/** One line a person reads: severity, place, what is wrong and how to mend it. */
export function formatProblem(problem: Problem, file: string): string {
  const label = { fatal: "error", resource: "resource error", warning: "warning" }[problem.severity];
  const place = problem.line === undefined ? file : `${file}:${problem.line}`;
  return `${place}: ${label}: ${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`;
}

/** Resource problems reach clients in GetMachineStatus, and non-ASCII error text has broken them (compat.md, section 4). */
function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
