import type { EndView, PartTimeline } from "@vigil/shared";

/** Room left beside the first and last event, as a share of what is drawn. */
const MARGIN_SHARE = 0.06;
/** The least span drawn: finer than a clock comparison between machines means anything. */
const MIN_SPAN_MS = 4;

/** A stretch of time on one row, in ms after the last sign of life. */
export interface Stretch {
  kind: "cancel" | "command" | "acknowledge" | "pending";
  fromMs: number;
  toMs: number;
}

export interface TimelineRow {
  label: string;
  /** In words, for the row's right end. */
  summary: string;
  detectedMs: number | null;
  stretches: Stretch[];
  /** The acknowledgement with its error bar; null when there is none yet. */
  acknowledged: { atMs: number; errorBarMs: number } | null;
}

/** An end ready to be drawn: a strip of the whole time, and below it the few milliseconds that matter, enlarged. */
export interface EndTimeline {
  windowMs: number;
  wholeMs: number;
  detail: { fromMs: number; toMs: number };
  ticks: number[];
  rows: TimelineRow[];
}

export function layOut(end: EndView, maxTicks: number): EndTimeline {
  const rows = [gatewayRow(end), ...end.parts.map(partRow)];
  const instants = [end.detectedMs, ...end.parts.flatMap(instantsOf)];
  if (end.cancelledMs !== null) instants.push(end.cancelledMs);
  const first = Math.min(...instants);
  const last = Math.max(...instants);
  const margin = Math.max(MIN_SPAN_MS / 2, (last - first) * MARGIN_SHARE);
  // Nothing happened before the last sign of life, so no axis starts before it.
  const detail = { fromMs: Math.max(0, first - margin), toMs: last + margin };
  for (const row of rows) closePending(row, detail.toMs);
  return {
    windowMs: end.windowMs,
    wholeMs: Math.max(end.windowMs, last) * (1 + MARGIN_SHARE / 2),
    detail,
    ticks: ticksWithin(detail.fromMs, detail.toMs, maxTicks),
    rows,
  };
}

/** A duration as people read it: to a tenth of a millisecond, which is finer than any error bar. */
export function inMs(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}

function gatewayRow(end: EndView): TimelineRow {
  const stretches: Stretch[] = [];
  if (end.cancelledMs !== null) stretches.push({ kind: "cancel", fromMs: end.detectedMs, toMs: end.cancelledMs });
  return {
    label: "gateway",
    summary: `detected ${inMs(end.detectedMs)} ms`,
    detectedMs: end.detectedMs,
    stretches,
    acknowledged: null,
  };
}

function partRow(part: PartTimeline): TimelineRow {
  const { detectedMs, cancelledMs, stopSentMs, stopAcknowledgedMs, errorBarMs } = part;
  const known: { kind: Stretch["kind"]; atMs: number | null }[] = [
    { kind: "cancel", atMs: cancelledMs },
    { kind: "command", atMs: stopSentMs },
    { kind: "acknowledge", atMs: stopAcknowledgedMs },
  ];
  const stretches: Stretch[] = [];
  let fromMs = detectedMs;
  for (const { kind, atMs } of known) {
    if (atMs === null) continue;
    if (fromMs !== null) stretches.push({ kind, fromMs, toMs: atMs });
    fromMs = atMs;
  }
  const waits = part.resources.length > 0 && stopAcknowledgedMs === null && fromMs !== null;
  if (waits) stretches.push({ kind: "pending", fromMs: fromMs!, toMs: Number.POSITIVE_INFINITY });
  const acknowledged = stopAcknowledgedMs === null ? null : { atMs: stopAcknowledgedMs, errorBarMs };
  return { label: part.part, summary: summaryOf(part), detectedMs, stretches, acknowledged };
}

function summaryOf(part: PartTimeline): string {
  if (part.stopAcknowledgedMs !== null) return `stopped ${inMs(part.stopAcknowledgedMs)} ± ${inMs(part.errorBarMs)} ms`;
  if (part.resources.some(({ outcome }) => outcome === "failed")) return "stop failed";
  if (part.resources.length === 0) return "nothing to stop";
  return part.stopSentMs === null ? "not reached yet" : "stop not acknowledged";
}

function instantsOf(part: PartTimeline): number[] {
  const { stopAcknowledgedMs, errorBarMs } = part;
  const ends = stopAcknowledgedMs === null ? [] : [stopAcknowledgedMs - errorBarMs, stopAcknowledgedMs + errorBarMs];
  const known = [part.detectedMs, part.cancelledMs, part.stopSentMs].filter((instant) => instant !== null);
  return [...known, ...ends];
}

function closePending(row: TimelineRow, toMs: number): void {
  for (const stretch of row.stretches) if (stretch.kind === "pending") stretch.toMs = toMs;
}

/** At most `most` round figures (1, 2 or 5 times a power of ten apart) between two instants. */
function ticksWithin(fromMs: number, toMs: number, most: number): number[] {
  const rough = (toMs - fromMs) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  const ticks: number[] = [];
  for (let index = Math.ceil(fromMs / step); index * step <= toMs; index += 1) ticks.push(index * step);
  return ticks;
}
