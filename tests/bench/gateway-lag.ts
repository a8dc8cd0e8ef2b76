import type { Samples } from "../rig/metrics.js";
import { type Buckets, growthOf, quantileLimit } from "./statistics.js";

const LAG = "vigil_event_loop_lag_seconds_bucket";

/** Lag of the gateway's event loop between two scrapes, out of its own metric: the limit of the bucket, in ms. */
export function loopLagMs(before: Samples, after: Samples, share: number): number {
  return quantileLimit(growthOf(lagOf(before), lagOf(after)), share) * 1000;
}

function lagOf({ all }: Samples): Buckets {
  return {
    counts: all
      .filter(({ name }) => name === LAG)
      .map(({ labels, value }) => ({
        le: labels.le === "+Inf" ? Infinity : Number(labels.le),
        count: value,
      }))
      .sort((a, b) => a.le - b.le),
  };
}
