// Preloaded into a part-agent (node --import): SIGUSR2 blocks its event loop, as a driver's endless loop would.
import { monotonicMs } from "../rig/until.js";

/** Longer than anything that has to notice it. */
const BLOCK_MS = 10_000;

process.on("SIGUSR2", () => {
  const until = monotonicMs() + BLOCK_MS;
  while (monotonicMs() < until);
});
