/** One measurement that the bench is composed of. */
export interface Section {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** Part of a quick run. */
  readonly isQuick: boolean;
  measure(options: BenchOptions): Promise<SectionResult>;
}

export interface BenchOptions {
  /** Few runs of the main figures, in about a minute and a half for all sections. */
  readonly quick: boolean;
  /** Of each loss at the window of 2 s; the other counts follow from it. */
  readonly runs: number;
  /** Tells whoever waits how far it is. */
  say(text: string): void;
}

/** Runs of each loss at the window of 2 s, when nobody asks for another number: what R9 wants. */
export const DEFAULT_RUNS = 200;

/** How often a thing is measured: its number in a full run, scaled with the runs asked for, or its quick number. */
export function countOf({ quick, runs }: BenchOptions, full: number, quickly: number): number {
  return quick ? quickly : Math.max(1, Math.round((full * runs) / DEFAULT_RUNS));
}

/** One number that is to be compared: with the target, with the anchor, with the last run. */
export interface Figure {
  /** The same in every run of the bench. */
  readonly id: string;
  readonly what: string;
  /** Infinity: it did not happen, which is as bad as can be. */
  readonly value: number;
  readonly unit: "ms" | "/s" | "us" | "MB" | "%" | "/h" | "";
  /** How often it was measured. */
  readonly runs: number;
  /** What R9 asks for, where this run has measured less often. */
  readonly runsWanted?: number;
  readonly target?: Target;
  /** The same figure of a measured viam-server on the same kind of machine. */
  readonly anchor?: string;
}

export type Target = { readonly most: number } | { readonly least: number };

/** undefined: it has no target. */
export function isMet({ value, target }: Figure): boolean | undefined {
  if (target === undefined) return undefined;
  return "most" in target ? value <= target.most : value >= target.least;
}

export interface SectionResult {
  readonly figures: readonly Figure[];
  /** Tables and words for the page, as Markdown without a heading. */
  readonly details: string;
  /** What no figure may hide: a run without a stop, a lost session. The bench fails with them. */
  readonly failures: readonly string[];
}

/** A Markdown table, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A number as the page shows it: three figures that say something. */
export function show(value: number): string {
  if (Number.isNaN(value)) return "-";
  if (!Number.isFinite(value)) return "never";
  return value.toFixed(Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
