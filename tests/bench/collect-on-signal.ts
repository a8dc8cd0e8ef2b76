import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// Imported before an app's own code: SIGUSR2 collects all garbage and logs what is left, so that a bench can tell memory
// that is held from memory that nobody has collected yet.

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("SIGUSR2", () => {
  collect();
  // What finalizers let go of goes with the second one.
  setImmediate(() => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    process.stderr.write(
      `${JSON.stringify({ level: "info", msg: "collected", heapMb: (heapUsed + external) / 2 ** 20, residentMb: rss / 2 ** 20 })}\n`,
    );
  });
});
