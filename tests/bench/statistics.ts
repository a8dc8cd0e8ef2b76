/** A distribution of times in ms. Runs that never came to an end count as infinite. */
export interface Distribution {
  readonly runs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function distributionOf(timesMs: readonly number[]): Distribution {
  // NaN, as of a time that could not be taken, is on nobody's side: it counts as infinite.
  const sorted = timesMs.map((time) => (Number.isNaN(time) ? Infinity : time)).sort((a, b) => a - b);
  // Nearest rank: with few runs the 99th percentile is the maximum, which is the honest side.
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
  return { runs: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** Slope of the straight line through points that lies closest to them (least squares). */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map((point) => point.x));
  const y = mean(points.map((point) => point.y));
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
}

/** A cumulative histogram, as an exposition has it. */
export interface Buckets {
  /** Count of observations at or below each limit, the limits rising; the last limit is Infinity. */
  readonly counts: readonly { readonly le: number; readonly count: number }[];
}

/** What was observed between two readings of a histogram. */
export function growthOf(before: Buckets, after: Buckets): Buckets {
  return {
    counts: after.counts.map(({ le, count }) => ({
      le,
      count: count - (before.counts.find((bucket) => bucket.le === le)?.count ?? 0),
    })),
  };
}

/** Upper limit of the bucket that holds the quantile: the true one is at most that. NaN: nothing was observed. */
export function quantileLimit({ counts }: Buckets, share: number): number {
  const total = counts.at(-1)?.count ?? 0;
  if (total === 0) return Number.NaN;
  return counts.find(({ count }) => count >= share * total)!.le;
}
