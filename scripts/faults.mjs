// `npm run faults`: installs and builds what is missing, plays the fault matrix on real processes in network namespaces
// (root only) and writes docs/fault-matrix.md. A row without a stop fails the run.
//   npm run faults -- --only Redis       the rows whose name holds it; writes nothing
//   npm run faults -- --no-build         with what is built already
import { ROOT, runBuilt } from "./prepare.mjs";

await runBuilt("tests/dist/faults/main.js", (given) =>
  given.some((argument) => argument.startsWith("--only")) ? [] : ["--page", `${ROOT}docs/fault-matrix.md`],
);
