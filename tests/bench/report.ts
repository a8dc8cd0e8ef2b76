import { readFileSync } from "node:fs";
import { availableParallelism, loadavg, release, totalmem } from "node:os";
import { DEFAULT_RUNS, type Figure, isMet, type SectionResult, show, table } from "./section.js";

export interface Report {
  readonly machine: Machine;
  readonly runs: number;
  readonly sections: readonly MeasuredSection[];
}

export interface MeasuredSection extends SectionResult {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** How busy it was otherwise: the load of the minute before. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const processor = /^model name\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? process.arch;
  return {
    processor,
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    load: Math.round(loadavg()[0]! * 10) / 10,
  };
}

/**
 * What the bench fails with. A figure that is slow is a figure; a stop that never came is none, and neither is a section
 * that gave nothing.
 */
export function failuresOf({ sections }: Pick<Report, "sections">): string[] {
  return sections.flatMap(({ title, figures, failures }) => [
    ...failures.map((failure) => `${title}: ${failure}`),
    ...figures.filter(({ value }) => !Number.isFinite(value)).map(({ what }) => `${title}: ${what}: infinite`),
    ...(figures.length === 0 && failures.length === 0 ? [`${title}: nothing was measured`] : []),
  ]);
}

/** Infinity has no JSON of its own. */
export function toJson(report: Report): string {
  const text = JSON.stringify(
    report,
    (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? "never" : value),
    2,
  );
  return `${text}\n`;
}

const unitOf = (figure: Figure) =>
  figure.unit === "" || figure.unit.startsWith("/") ? figure.unit : ` ${figure.unit}`;
const withUnit = (figure: Figure, value: number) =>
  `${show(value)}${Number.isFinite(value) ? unitOf(figure).replace("us", "µs") : ""}`;

export function targetText(figure: Figure): string {
  if (figure.target === undefined) return "";
  return "most" in figure.target
    ? `≤ ${withUnit(figure, figure.target.most)}`
    : `≥ ${withUnit(figure, figure.target.least)}`;
}

function metText(figure: Figure): string {
  const met = isMet(figure);
  if (met === undefined) return "";
  return met ? "yes" : "**no**";
}

/** The table that the page begins with. */
export function formatFigures(figures: readonly Figure[]): string {
  return table(
    ["figure", "anchor", "target", "measured", "met?", "runs"],
    figures.map((figure) => [
      figure.what,
      figure.anchor ?? "",
      targetText(figure),
      withUnit(figure, figure.value),
      metText(figure),
      String(figure.runs),
    ]),
  );
}

export function formatPage(report: Report): string {
  const { machine, sections } = report;
  const figures = sections.flatMap((section) => section.figures);
  const short = figures.filter(({ runs, runsWanted }) => runsWanted !== undefined && runs < runsWanted);
  const failures = failuresOf(report);
  return `# Figures

Written by \`npm run bench\`, which measures them anew on your machine. \`npm run bench -- --quick\` compares with these in a
minute and a half; \`--only NAME,NAME\` measures some sections and writes nothing (${sections.map(({ name }) => name).join(", ")});
\`--runs N\` sets the runs of each loss at a window of 2 s (default ${DEFAULT_RUNS}) and scales all other counts with it.

Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; load of the minute
before: ${machine.load}. Everything runs on it at once, as processes: gateway, part-agents with simulated devices, clients, and the
measuring program. Leases are in the built-in store. The *anchor* is viam-server, measured on a machine of the same kind
with the same Node client; ratios hold, absolute times vary by machine.

${formatFigures(figures)}
${failures.length > 0 ? `\n**The bench failed:**\n\n${failures.map((failure) => `- ${failure}`).join("\n")}\n` : ""}${
  short.length > 0
    ? `\nMeasured less often than the rules ask for: ${short
        .map(({ what, runs, runsWanted }) => `${what} (${runs} of ${runsWanted})`)
        .join("; ")}.\n`
    : ""
}
${sections.map(({ title, details }) => `## ${title}\n\n${details}\n`).join("\n")}`;
}

/** How many times as slow, or as fast, a figure may be before a quick run warns: a busy machine does that much. */
const WORSE_BY = 1.5;

/** Each figure beside that of an earlier report, as a ratio; `isWorse`: by so much that somebody should look. */
export function compare(
  figures: readonly Figure[],
  earlier: ReadonlyMap<string, number>,
): { readonly figure: Figure; readonly before: number; readonly ratio: number; readonly isWorse: boolean }[] {
  return figures.flatMap((figure) => {
    const before = earlier.get(figure.id);
    if (before === undefined || !Number.isFinite(before)) return [];
    const ratio = before === 0 ? (figure.value === 0 ? 1 : Infinity) : figure.value / before;
    const isRate = figure.target !== undefined && "least" in figure.target;
    return [{ figure, before, ratio, isWorse: isRate ? ratio < 1 / WORSE_BY : ratio > WORSE_BY }];
  });
}

/** Values by figure of a report that was written earlier; empty: there is none that can be read. */
export function readFigures(json: string): ReadonlyMap<string, number> {
  const report = JSON.parse(json) as { sections?: { figures: { id: string; value: number | "never" }[] }[] };
  return new Map(
    (report.sections ?? []).flatMap(({ figures }) =>
      figures.map(({ id, value }): [string, number] => [id, value === "never" ? Infinity : value]),
    ),
  );
}
