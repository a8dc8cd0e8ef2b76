import { readFileSync } from "node:fs";
import type { Command } from "./arguments.js";

const COMMON = `Options:
  --config FILE      the configuration, JSON with comments; FILE may also stand alone
  --log-level LEVEL  trace, debug, info (default), warn, error or fatal
  --help             this text
  --version          the version

Exit codes: 0 asked to stop, 2 bad configuration or usage, 3 cannot serve, 1 anything else.
`;

const COMMAND_HELP: Readonly<Record<Command, string>> = {
  up: `Usage: vigil up robot.json

Runs a whole robot on this machine: the gateway and each part as child processes, which are restarted when they end.
A plain Viam machine config is a valid file, so "vigil -config FILE" takes the place of "viam-server -config FILE".
SIGTERM and SIGINT stop the actuators first; SIGHUP reads the file again.

  --no-tls           serve cleartext even where the file names a certificate
`,
  gateway: `Usage: vigil gateway --config gateway.json

Runs the gateway alone. "--config -" reads standard input.
`,
  "part-agent": `Usage: vigil part-agent --config part.json

Runs one part of a robot. "--config -" reads standard input.
`,
  check: `Usage: vigil check FILE

Checks a robot.json, gateway.json, part.json or Viam machine config: lists every problem with its place in the file and
how to mend it, and warns of actuators that nothing protects. Exit code 2 if anything but warnings was found.
`,
};

const GENERAL = `Usage: vigil COMMAND [options]

A robot gateway that never forgets to stop.

Commands:
  up robot.json                       a whole robot on this machine
  gateway --config gateway.json       the gateway alone
  part-agent --config part.json       one part of a robot
  check FILE                          finds the problems of a configuration

"vigil COMMAND --help" says more.

`;

export function helpText(command?: Command): string {
  return `${command === undefined ? GENERAL : `${COMMAND_HELP[command]}\n`}${COMMON}`;
}

export function versionText(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return `vigil ${(manifest as { version: string }).version}\n`;
}
