// `npm run bench`: installs and builds what is missing, measures, prints the figures and writes docs/benchmarks.md and
// docs/benchmarks.json.
//   npm run bench -- --quick             the main figures in a minute and a half, beside those written last; writes nothing
//   npm run bench -- --only losses,dial  some sections; writes nothing
//   npm run bench -- --runs 20           so many runs of each loss at 2 s (default 200), and all else in proportion
//   npm run bench -- --no-build          measures what is built already
import { spawn } from "node:child_process";
import { onEnd, prepare, ROOT } from "./prepare.mjs";

const given = process.argv.slice(2);
if (!given.includes("--no-build")) await prepare();
const rest = given.filter((argument) => argument !== "--no-build");
const isPart = rest.some((argument) => argument === "--quick" || argument.startsWith("--only"));
const files = isPart
  ? ["--compare", `${ROOT}docs/benchmarks.json`]
  : ["--page", `${ROOT}docs/benchmarks.md`, "--json", `${ROOT}docs/benchmarks.json`];
const child = spawn(process.execPath, [`${ROOT}tests/dist/bench/main.js`, ...files, ...rest], { stdio: "inherit" });
onEnd(() => child.kill("SIGTERM"));
child.on("close", (code, signal) => process.exit(signal ? 1 : code));
