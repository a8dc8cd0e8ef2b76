export interface MetricRow {
  readonly type: "gauge" | "counter" | "histogram";
  readonly labels: readonly string[];
}

/** The metrics that Vigil promises, with the only labels that they may have. */
export const vigilMetrics: Readonly<Record<string, MetricRow>> = {
  vigil_sessions_active: { type: "gauge", labels: ["kind"] },
  vigil_sessions_ended_total: { type: "counter", labels: ["reason"] },
  vigil_sessions_suspended_total: { type: "counter", labels: ["by", "cause"] },
  vigil_disconnects_total: { type: "counter", labels: ["peer", "cause"] },
  vigil_operations_cancelled_total: { type: "counter", labels: ["part", "reason"] },
  vigil_stops_total: { type: "counter", labels: ["part", "outcome"] },
  vigil_escalation_steps_total: { type: "counter", labels: ["part", "step", "outcome"] },
  vigil_rearm_waiting: { type: "gauge", labels: ["part"] },
  vigil_stop_seconds: { type: "histogram", labels: ["part", "phase"] },
  vigil_commands_refused_total: { type: "counter", labels: ["part", "reason"] },
  vigil_lease_checks_total: { type: "counter", labels: ["part", "outcome"] },
  vigil_lease_check_seconds: { type: "histogram", labels: ["part", "outcome"] },
  vigil_part_up: { type: "gauge", labels: ["part"] },
  vigil_rpc_seconds: { type: "histogram", labels: ["service", "method", "code", "hop"] },
  vigil_webrtc_connections: { type: "gauge", labels: ["side"] },
  vigil_event_loop_lag_seconds: { type: "histogram", labels: [] },
};

/** Those of prom-client's default metrics that have no labels, and what Prometheus adds by itself. */
const otherMetrics: Readonly<Record<string, MetricRow>> = {
  process_cpu_seconds_total: { type: "counter", labels: [] },
  process_cpu_user_seconds_total: { type: "counter", labels: [] },
  process_cpu_system_seconds_total: { type: "counter", labels: [] },
  process_start_time_seconds: { type: "gauge", labels: [] },
  process_resident_memory_bytes: { type: "gauge", labels: [] },
  process_open_fds: { type: "gauge", labels: [] },
  process_max_fds: { type: "gauge", labels: [] },
  nodejs_heap_size_total_bytes: { type: "gauge", labels: [] },
  nodejs_heap_size_used_bytes: { type: "gauge", labels: [] },
  nodejs_external_memory_bytes: { type: "gauge", labels: [] },
  up: { type: "gauge", labels: [] },
};

/** Put on every series by the scrape. */
const scrapeLabels = ["job", "instance"];

/**
 * The labels that the series `name` may have, scrape labels included; undefined when nothing exports such a series. A
 * histogram exports no series of its bare name.
 */
export function labelsOfSeries(name: string): readonly string[] | undefined {
  const metrics = { ...vigilMetrics, ...otherMetrics };
  const row = metrics[name];
  if (row) return row.type === "histogram" ? undefined : [...row.labels, ...scrapeLabels];
  const [, base = "", suffix] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const histogram = metrics[base];
  if (histogram?.type !== "histogram") return undefined;
  return [...histogram.labels, ...scrapeLabels, ...(suffix === "bucket" ? ["le"] : [])];
}
