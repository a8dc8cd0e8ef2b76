// `npm run bench`: installs and builds what is missing, measures, prints the figures and writes docs/benchmarks.md and
// docs/benchmarks.json.
//   npm run bench -- --quick             the main figures in a minute and a half, beside those written last; writes nothing
//   npm run bench -- --only losses,dial  some sections; writes nothing
//   npm run bench -- --runs 20           so many runs of each loss at 2 s (default 200), and all else in proportion
//   npm run bench -- --no-build          measures what is built already
import { ROOT, runBuilt } from "./prepare.mjs";

await runBuilt("tests/dist/bench/main.js", (given) => {
  const isPart = given.some((argument) => argument === "--quick" || argument.startsWith("--only"));
  return isPart
    ? ["--compare", `${ROOT}docs/benchmarks.json`]
    : ["--page", `${ROOT}docs/benchmarks.md`, "--json", `${ROOT}docs/benchmarks.json`];
});
