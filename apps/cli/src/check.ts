import { checkConfig, ExitCode, formatProblem, type Problem } from "@vigil/shared";
import { openConfigFile } from "./config-file.js";

/** `vigil check FILE`: every problem on a line of its own, then the sum. */
export function runCheck(file: string, env: NodeJS.ProcessEnv, write: (text: string) => void): number {
  const opened = openConfigFile(file, env);
  if (opened instanceof Error) {
    write(`${file}: error: ${opened.message}\n`);
    return ExitCode.badConfig;
  }
  const { kind, problems } = checkConfig(opened.text, opened.context);
  for (const problem of inOrder(problems)) write(`${formatProblem(problem, file)}\n`);
  const errors = problems.filter((problem) => problem.severity !== "warning").length;
  write(`${file} (${kind}): ${count(errors, "error")}, ${count(problems.length - errors, "warning")}\n`);
  return errors === 0 ? ExitCode.asked : ExitCode.badConfig;
}

/** What stops everything first, then by line. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const rank = { fatal: 0, resource: 1, warning: 2 };
  return [...problems].sort((a, b) => rank[a.severity] - rank[b.severity] || (a.line ?? 0) - (b.line ?? 0));
}

function count(amount: number, word: string): string {
  return `${amount} ${word}${amount === 1 ? "" : "s"}`;
}
