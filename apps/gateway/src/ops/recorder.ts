import type { FenceReport, StopReport } from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import type { EndCause, SuspendCause, TableSession } from "@vigil/safety";
import { type Clock, type EndReason, type EndView, type PartTimeline, shortId } from "@vigil/shared";
import type { GatewayMetrics } from "@vigil/telemetry";

/** What the client of a session was, for the record. */
export interface RecordedClient {
  readonly remoteAddress: string;
  readonly software: string | undefined;
}

/**
 * Keeps what happened at each end and suspension of a session: when it was noticed, cancelled, stopped and acknowledged
 * on each part, after the last sign of life, with the error bar of each part's clock (P11).
 */
export interface Recorder {
  ended(
    session: TableSession,
    about: RecordedClient,
    reason: EndReason,
    cause: EndCause,
    cancelled: ReadonlyMap<string, number>,
  ): void;
  suspended(
    session: TableSession,
    about: RecordedClient,
    cause: SuspendCause,
    cancelled: ReadonlyMap<string, number>,
  ): void;
  /** A part fenced a session. `at` is on this gateway's clock, give or take the error bar. */
  fenced(part: string, report: FenceReport, at: number, errorBarMs: number): void;
  stopped(part: string, report: StopReport, receivedAt: number, errorBarMs: number): void;
  /** Newest first. */
  ends(): readonly EndView[];
}

export interface RecorderDeps {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  session(id: string): { readonly session: TableSession; readonly about: RecordedClient } | undefined;
  /** A record is new, or has grown. */
  changed(view: EndView): void;
}

/** Records kept: what the console and the API show. */
const MAX_RECORDS = 50;
/** Reports of parts about one loss come within this time of each other, in ms; later ones are another one's. */
const INCIDENT_MS = 5000;

interface ResourceRecord {
  name: string;
  outcome: PartTimeline["resources"][number]["outcome"];
  stopSentAt: number | undefined;
  stopAcknowledgedAt: number | undefined;
  attempts: number;
}

interface PartRecord {
  fencedAt: number | undefined;
  errorBarMs: number;
  operationsCancelled: number;
  resources: Map<string, ResourceRecord>;
}

interface Incident {
  readonly session: string;
  readonly kind: EndView["kind"];
  what: EndView["what"];
  reason: EndReason | null;
  cause: string;
  readonly about: RecordedClient;
  readonly windowMs: number;
  readonly lastSignAt: number;
  readonly beganAt: number;
  readonly wallAt: number;
  detectedAt: number;
  cancelledAt: number | undefined;
  /** By part. */
  readonly cancelled: Map<string, number>;
  readonly parts: Map<string, PartRecord>;
}

const SUSPENSION_CAUSES: Readonly<Record<string, SuspendCause | undefined>> = {
  link: "link",
  clock: "clock",
  lapsed: "store",
};

export function createRecorder(deps: RecorderDeps, options: { readonly windowMs: number }): Recorder {
  const { clock, metrics } = deps;
  /** Newest last. */
  const incidents: Incident[] = [];

  function find(session: string): Incident | undefined {
    const now = clock.now();
    return incidents.findLast((incident) => incident.session === session && now - incident.beganAt < INCIDENT_MS);
  }

  function begin(
    session: TableSession,
    about: RecordedClient,
    what: EndView["what"],
    cause: string,
    detectedAt: number,
  ): Incident {
    const now = clock.now();
    const lastSignAt = session.lastSignOfLifeAt;
    const incident: Incident = {
      session: session.id,
      kind: session.kind,
      what,
      reason: null,
      cause,
      about: { ...about },
      windowMs: options.windowMs,
      lastSignAt,
      beganAt: now,
      wallAt: clock.wall() - (now - lastSignAt),
      detectedAt,
      cancelledAt: undefined,
      cancelled: new Map(),
      parts: new Map(),
    };
    incidents.push(incident);
    if (incidents.length > MAX_RECORDS) incidents.shift();
    return incident;
  }

  function count(incident: Incident, cancelled: ReadonlyMap<string, number>, reason: string): void {
    incident.cancelledAt = clock.now();
    for (const [part, number] of cancelled) countOf(incident, part || "gateway", number, reason);
  }

  /**
   * An operation is cancelled by the gateway, or by its part's fence if that was quicker, and may be told of by both:
   * of two numbers about one part and incident the greater counts.
   */
  function countOf(incident: Incident, part: string, number: number, reason: string): void {
    const before = incident.cancelled.get(part) ?? 0;
    if (number <= before) return;
    metrics.operationsCancelled.inc({ part, reason }, number - before);
    incident.cancelled.set(part, number);
  }

  function partOf(incident: Incident, part: string, errorBarMs: number): PartRecord {
    const present = incident.parts.get(part);
    if (present) return present;
    const record: PartRecord = { fencedAt: undefined, errorBarMs, operationsCancelled: 0, resources: new Map() };
    incident.parts.set(part, record);
    return record;
  }

  /** A part acted before the gateway did, or for a trouble of its own. */
  function incidentOf(session: string, cause: string, at: number): Incident | undefined {
    const present = find(session);
    if (present) return present;
    const known = deps.session(session);
    if (!known) return undefined;
    return begin(known.session, known.about, cause === "quiet" ? "quiet" : "suspension", cause, at);
  }

  function observe(incident: Incident, part: string, record: PartRecord, resource: ResourceRecord): void {
    const { stopSentAt, stopAcknowledgedAt } = resource;
    if (stopSentAt === undefined || stopAcknowledgedAt === undefined) return;
    const seconds = (ms: number) => Math.max(0, ms) / 1000;
    const detectedAt = record.fencedAt ?? incident.detectedAt;
    metrics.stopSeconds.observe({ part, phase: "total" }, seconds(stopAcknowledgedAt - incident.lastSignAt));
    metrics.stopSeconds.observe({ part, phase: "detect" }, seconds(detectedAt - incident.lastSignAt));
    metrics.stopSeconds.observe({ part, phase: "command" }, seconds(stopSentAt - detectedAt));
    metrics.stopSeconds.observe({ part, phase: "acknowledge" }, seconds(stopAcknowledgedAt - stopSentAt));
  }

  const recorder: Recorder = {
    ended(session, about, reason, cause, cancelled) {
      const incident = find(session.id) ?? begin(session, about, "end", cause, clock.now());
      incident.what = "end";
      incident.reason = reason;
      incident.cause = cause;
      count(incident, cancelled, reason);
      deps.changed(viewOf(incident));
    },
    suspended(session, about, cause, cancelled) {
      const incident = find(session.id) ?? begin(session, about, "suspension", cause, clock.now());
      metrics.sessionsSuspended.inc({ by: "gateway", cause });
      count(incident, cancelled, cause);
      deps.changed(viewOf(incident));
    },
    fenced(part, report, at, errorBarMs) {
      if (report.session === "") return;
      const incident = incidentOf(report.session, report.cause, at);
      if (!incident) return;
      const record = partOf(incident, part, errorBarMs);
      record.fencedAt ??= at;
      record.operationsCancelled += report.operationsCancelled;
      countOf(incident, part, record.operationsCancelled, incident.reason ?? incident.cause);
      deps.changed(viewOf(incident));
      const cause = SUSPENSION_CAUSES[report.cause];
      if (cause === undefined || report.final) return;
      // The part may only have been a moment ahead of the gateway: a suspension is what the session survives.
      clock.after(INCIDENT_MS / 10, () => {
        if (deps.session(report.session)) metrics.sessionsSuspended.inc({ by: "part", cause });
      });
    },
    stopped(part, report, receivedAt, errorBarMs) {
      const acknowledged = report.acknowledgedAgeMs >= 0;
      // An escalation is told when it begins, and once more when the stop is acknowledged after all: it counts once.
      const isEscalated = report.outcome === "escalated";
      if (report.outcome !== "pending" && !(isEscalated && acknowledged)) {
        metrics.stops.inc({ part, outcome: acknowledged || isEscalated ? report.outcome : "failed" });
      }
      if (report.session === "") return;
      const sentAt = receivedAt - report.sentAgeMs;
      const incident = incidentOf(report.session, report.cause, sentAt);
      if (!incident) return;
      const record = partOf(incident, part, errorBarMs);
      const resource: ResourceRecord = {
        name: report.resource,
        outcome: report.outcome as ResourceRecord["outcome"],
        stopSentAt: sentAt,
        stopAcknowledgedAt: acknowledged ? receivedAt - report.acknowledgedAgeMs : undefined,
        attempts: report.attempts,
      };
      record.resources.set(report.resource, resource);
      observe(incident, part, record, resource);
      deps.changed(viewOf(incident));
    },
    ends: () => incidents.toReversed().map(viewOf),
  };
  return recorder;
}

function viewOf(incident: Incident): EndView {
  const after = (at: number | undefined) => (at === undefined ? null : round(at - incident.lastSignAt));
  return {
    session: shortId(incident.session),
    kind: incident.kind,
    what: incident.what,
    reason: incident.reason,
    cause: incident.cause,
    client: incident.about.software ?? null,
    remoteAddress: incident.about.remoteAddress,
    at: new Date(incident.wallAt).toISOString(),
    windowMs: incident.windowMs,
    detectedMs: after(incident.detectedAt) ?? 0,
    cancelledMs: after(incident.cancelledAt),
    operationsCancelled: [...incident.cancelled.values()].reduce((sum, number) => sum + number, 0),
    parts: [...incident.parts].map(([part, record]) => {
      const resources = [...record.resources.values()];
      const sent = resources.flatMap(({ stopSentAt }) => stopSentAt ?? []);
      const acknowledged = resources.flatMap(({ stopAcknowledgedAt }) => stopAcknowledgedAt ?? []);
      return {
        part,
        detectedMs: after(record.fencedAt ?? (sent.length > 0 ? Math.min(...sent) : undefined)),
        cancelledMs: after(record.fencedAt),
        stopSentMs: sent.length > 0 ? after(Math.min(...sent)) : null,
        stopAcknowledgedMs:
          acknowledged.length === resources.length && resources.length > 0 ? after(Math.max(...acknowledged)) : null,
        errorBarMs: round(record.errorBarMs),
        operationsCancelled: record.operationsCancelled,
        resources: resources.map(({ name, outcome, stopSentAt, stopAcknowledgedAt, attempts }) => ({
          name,
          outcome,
          stopSentMs: after(stopSentAt),
          stopAcknowledgedMs: after(stopAcknowledgedAt),
          attempts,
        })),
      };
    }),
  };
}

/** Two decimals of a millisecond: a hundredth is below what any clock comparison here can tell. */
const round = (ms: number) => Math.round(ms * 100) / 100;
