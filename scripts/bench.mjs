// `npm run bench`: installs and builds what is missing, measures, prints the figures and writes docs/benchmarks.md and
// docs/benchmarks.json.
//   npm run bench -- --runs 200        more runs of each way to lose a client (default 20)
//   npm run bench -- --window 500ms    another heartbeat window
//   npm run bench -- --only SIGKILL    only the losses whose name holds that; writes nothing
//   npm run bench -- --no-build        measures what is built already
import { spawn } from "node:child_process";
import { onEnd, prepare, ROOT } from "./prepare.mjs";

const given = process.argv.slice(2);
if (!given.includes("--no-build")) await prepare();
const rest = given.filter((argument) => argument !== "--no-build");
const files = rest.includes("--only")
  ? []
  : ["--page", `${ROOT}docs/benchmarks.md`, "--json", `${ROOT}docs/benchmarks.json`];
const child = spawn(process.execPath, [`${ROOT}tests/dist/bench/main.js`, ...files, ...rest], { stdio: "inherit" });
onEnd(() => child.kill("SIGTERM"));
child.on("close", (code, signal) => process.exit(signal ? 1 : code));
