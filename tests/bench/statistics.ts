/** A distribution of times in ms. Runs that never came to an end count as infinite. */
export interface Distribution {
  readonly runs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function distributionOf(timesMs: readonly number[]): Distribution {
  const sorted = [...timesMs].sort((a, b) => a - b);
  // Nearest rank: with few runs the 99th percentile is the maximum, which is the honest side.
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
  return { runs: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
