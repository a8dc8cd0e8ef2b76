// The process behind Output: copies standard input to standard output, readable where that is a terminal. It ends with
// its input, so it outlives neither the supervisor nor its last lines.
import { createInterface } from "node:readline";
import { isatty } from "node:tty";
import { createLineFormat } from "@vigil/shared";

const STDOUT = 1;
// The reader may go first, as in `vigil up | head`.
process.stdout.on("error", () => process.exit(0));
const format = isatty(STDOUT) ? createLineFormat() : (line: string) => `${line}\n`;
createInterface({ input: process.stdin }).on("line", (line) => process.stdout.write(format(line)));
