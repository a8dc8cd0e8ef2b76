import { type ClientKind, withClient } from "../rig/clients/index.js";
import type { Robot } from "../rig/robot.js";
import { type Distribution, distributionOf } from "./statistics.js";

export interface LatencyFigures {
  readonly kind: ClientKind;
  readonly part: "main" | "arm";
  readonly inFlight: number;
  readonly times: Distribution;
  readonly callsPerSecond: number;
}

/** Not measured: connections, compilers and caches warm up. */
const WARM_UP_CALLS = 500;

/** Time of a unary read that a part answers, as the client sees it. */
export async function measureLatency(robot: Robot, kind: ClientKind, calls: number): Promise<LatencyFigures[]> {
  return withClient(robot, kind, async (client) => {
    const figures: LatencyFigures[] = [];
    for (const part of ["main", "arm"] as const) {
      for (const inFlight of [1, 64]) {
        await client.measure(part, WARM_UP_CALLS, inFlight);
        const times = await client.measure(part, calls, inFlight);
        const totalMs = times.reduce((sum, time) => sum + time, 0) / inFlight;
        figures.push({
          kind,
          part,
          inFlight,
          times: distributionOf(times),
          callsPerSecond: Math.round((times.length / totalMs) * 1000),
        });
      }
    }
    return figures;
  });
}
