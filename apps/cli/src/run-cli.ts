import { pathToFileURL } from "node:url";
import { createSystemClock, ExitCode, systemRandom } from "@vigil/shared";
import { appMain } from "./apps.js";
import { parseArguments } from "./arguments.js";
import { runCheck } from "./check.js";
import { helpText, versionText } from "./help.js";
import { runUp } from "./up/up.js";

/** Runs one command. @returns its exit code, or undefined when an app now runs in this process and will end it. */
export async function runCli(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number | undefined> {
  const parsed = parseArguments(argv);
  switch (parsed.kind) {
    case "help":
      process.stdout.write(helpText(parsed.command));
      return ExitCode.asked;
    case "version":
      process.stdout.write(versionText());
      return ExitCode.asked;
    case "usage":
      process.stderr.write(`vigil: ${parsed.message}\n\n${helpText()}`);
      return ExitCode.badConfig;
    case "run":
      break;
  }
  switch (parsed.command) {
    case "check":
      return runCheck(parsed.file, env, (text) => process.stdout.write(text));
    case "up":
      return runUp({ clock: createSystemClock(), random: systemRandom }, { ...parsed, env });
    case "gateway":
    case "part-agent":
      return runApp(parsed.command, parsed.file, parsed.logLevel);
  }
}

/** Runs an app in this very process, so that signals, exit codes and logs are its own. */
async function runApp(app: "gateway" | "part-agent", file: string, logLevel: string): Promise<undefined> {
  const main = appMain(app);
  process.argv = [process.argv[0]!, main, "--config", file, "--log-level", logLevel];
  await import(pathToFileURL(main).href);
  return undefined;
}
