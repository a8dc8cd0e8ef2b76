const UNITS_MS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Parses a Go duration string ("300ms", "1m30s", "1.5s") into milliseconds.
 * @throws RangeError with the text and an example when it is none.
 */
export function parseDurationMs(text: string): number {
  const match = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is no duration: write a number with a unit, such as "300ms" or "2s"`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * UNITS_MS[unit!]!;
  }
  return total;
}
