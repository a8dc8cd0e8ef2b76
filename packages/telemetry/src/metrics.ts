import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/**
 * The metrics that others script against (names and labels are fixed in the outer contract). Labels take their values
 * from closed or configured sets only: never a session id, never a client's text.
 *
 * Each fact is counted once, where a robot is seen whole: the gateway exports what parts report to it; a part exports
 * what only it knows (its lease checks and its own process).
 */
export interface GatewayMetrics {
  readonly registry: Registry;
  readonly sessionsActive: Gauge<"kind">;
  readonly sessionsEnded: Counter<"reason">;
  readonly sessionsSuspended: Counter<"by" | "cause">;
  readonly disconnects: Counter<"peer" | "cause">;
  readonly operationsCancelled: Counter<"part" | "reason">;
  readonly stops: Counter<"part" | "outcome">;
  readonly stopSeconds: Histogram<"part" | "phase">;
  readonly commandsRefused: Counter<"part" | "reason">;
  readonly partUp: Gauge<"part">;
  readonly rearmWaiting: Gauge<"part">;
  readonly rpcSeconds: Histogram<"service" | "method" | "code" | "hop">;
  readonly webrtcConnections: Gauge<"side">;
}

export interface PartMetrics {
  readonly registry: Registry;
  readonly leaseChecks: Counter<"part" | "outcome">;
  readonly leaseCheckSeconds: Histogram<"part" | "outcome">;
  readonly escalationSteps: Counter<"part" | "step" | "outcome">;
}

/** From half a millisecond, the least a local stop takes, to the longest window and the retries after it. */
const STOP_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.05, 2.25, 2.5, 3, 5, 10, 30, 60,
];
/** A relayed read takes about a millisecond, a motion as long as it moves. */
const RPC_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LEASE_BUCKETS_SECONDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
/** Loop lag that matters: a stop may be late by it. */
const LAG_BUCKETS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export function createGatewayMetrics(): GatewayMetrics {
  const registry = createRegistry();
  const registers = [registry];
  return {
    registry,
    sessionsActive: new Gauge({
      name: "vigil_sessions_active",
      help: "Live sessions",
      labelNames: ["kind"],
      registers,
    }),
    sessionsEnded: new Counter({
      name: "vigil_sessions_ended_total",
      help: "Sessions that ended, by reason",
      labelNames: ["reason"],
      registers,
    }),
    sessionsSuspended: new Counter({
      name: "vigil_sessions_suspended_total",
      help: "Suspensions: what a session moved was stopped, the session lives",
      labelNames: ["by", "cause"],
      registers,
    }),
    disconnects: new Counter({
      name: "vigil_disconnects_total",
      help: "Lost connections of clients and parts, by cause",
      labelNames: ["peer", "cause"],
      registers,
    }),
    operationsCancelled: new Counter({
      name: "vigil_operations_cancelled_total",
      help: "Operations cancelled because their session ended or was suspended",
      labelNames: ["part", "reason"],
      registers,
    }),
    stops: new Counter({
      name: "vigil_stops_total",
      help: "Stops of actuators, by how they came out",
      labelNames: ["part", "outcome"],
      registers,
    }),
    stopSeconds: new Histogram({
      name: "vigil_stop_seconds",
      help: "Time of a stop after a loss: total runs from the last sign of life to the actuator's acknowledgement",
      labelNames: ["part", "phase"],
      buckets: STOP_BUCKETS_SECONDS,
      registers,
    }),
    commandsRefused: new Counter({
      name: "vigil_commands_refused_total",
      help: "Commands refused, by reason",
      labelNames: ["part", "reason"],
      registers,
    }),
    rearmWaiting: new Gauge({
      name: "vigil_rearm_waiting",
      help: "Resources that wait for a person to re-arm them",
      labelNames: ["part"],
      registers,
    }),
    partUp: new Gauge({ name: "vigil_part_up", help: "1 while the part is linked", labelNames: ["part"], registers }),
    rpcSeconds: new Histogram({
      name: "vigil_rpc_seconds",
      help: "Time of calls: hop client is the whole call at the gateway, hop part its share on the link",
      labelNames: ["service", "method", "code", "hop"],
      buckets: RPC_BUCKETS_SECONDS,
      registers,
    }),
    webrtcConnections: new Gauge({
      name: "vigil_webrtc_connections",
      help: "Open WebRTC connections",
      labelNames: ["side"],
      registers,
    }),
  };
}

/**
 * Gives every series with a closed set of labels its zero, so that a first event shows as an increase: an alert on
 * `increase()` does not see a series that begins at one.
 */
export function beginAtZero(metrics: GatewayMetrics, parts: readonly string[]): void {
  for (const kind of ["explicit", "implicit"]) metrics.sessionsActive.set({ kind }, 0);
  for (const reason of ["lapsed", "closed", "ended", "revoked", "drained"]) metrics.sessionsEnded.inc({ reason }, 0);
  for (const cause of ["silent", "knock"]) metrics.sessionsSuspended.inc({ by: "gateway", cause }, 0);
  for (const cause of ["link", "store", "clock"]) metrics.sessionsSuspended.inc({ by: "part", cause }, 0);
  for (const cause of ["silent", "closed", "process_dead", "refused", "shutdown"]) {
    for (const peer of ["client", "part"]) metrics.disconnects.inc({ peer, cause }, 0);
  }
  for (const side of ["client", "part"]) metrics.webrtcConnections.set({ side }, 0);
  for (const part of parts) {
    metrics.partUp.set({ part }, 0);
    metrics.rearmWaiting.set({ part }, 0);
    for (const outcome of ["stopped", "retried", "escalated", "failed"]) metrics.stops.inc({ part, outcome }, 0);
    for (const phase of ["total", "detect", "command", "acknowledge"]) metrics.stopSeconds.zero({ part, phase });
    for (const reason of ["session_ended", "stale", "fenced", "rearm", "unauthenticated", "limit"]) {
      metrics.commandsRefused.inc({ part, reason }, 0);
    }
  }
}

export function createPartMetrics(): PartMetrics {
  const registry = createRegistry();
  const registers = [registry];
  return {
    registry,
    leaseChecks: new Counter({
      name: "vigil_lease_checks_total",
      help: "Questions to the lease store, by outcome",
      labelNames: ["part", "outcome"],
      registers,
    }),
    leaseCheckSeconds: new Histogram({
      name: "vigil_lease_check_seconds",
      help: "Time until the lease store has answered",
      labelNames: ["part", "outcome"],
      buckets: LEASE_BUCKETS_SECONDS,
      registers,
    }),
    escalationSteps: new Counter({
      name: "vigil_escalation_steps_total",
      help: "Steps beyond Stop, taken because a stop was not acknowledged: end_process, emergency_stop, e_stop",
      labelNames: ["part", "step", "outcome"],
      registers,
    }),
  };
}

/** Feeds vigil_event_loop_lag_seconds: how late a turn of the loop came, in seconds. */
export function createLoopLagHistogram(registry: Registry): Histogram {
  return new Histogram({
    name: "vigil_event_loop_lag_seconds",
    help: "How late timers of the process fire",
    buckets: LAG_BUCKETS_SECONDS,
    registers: [registry],
  });
}

function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
