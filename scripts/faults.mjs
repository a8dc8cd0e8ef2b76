// `npm run faults`: installs and builds what is missing, plays the fault matrix on real processes in network namespaces
// (root only) and writes docs/fault-matrix.md. A row without a stop fails the run.
//   npm run faults -- --only Redis       the rows whose name holds it; writes nothing
//   npm run faults -- --no-build         with what is built already
import { spawn } from "node:child_process";
import { onEnd, prepare, ROOT } from "./prepare.mjs";

const given = process.argv.slice(2);
if (!given.includes("--no-build")) await prepare();
const rest = given.filter((argument) => argument !== "--no-build");
const files = rest.some((argument) => argument.startsWith("--only")) ? [] : ["--page", `${ROOT}docs/fault-matrix.md`];
const child = spawn(process.execPath, [`${ROOT}tests/dist/faults/main.js`, ...files, ...rest], { stdio: "inherit" });
onEnd(() => child.kill("SIGTERM"));
child.on("close", (code, signal) => process.exit(signal ? 1 : code));
