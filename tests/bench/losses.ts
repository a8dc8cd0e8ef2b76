import { setTimeout as sleep } from "node:timers/promises";
import type { EndView } from "@vigil/shared";
import { type Client, type ClientKind, startClient } from "../rig/clients/index.js";
import { type Marks, mark, moveBoth, noMotionAfterStop, stopsOf } from "../rig/motion.js";
import type { Robot } from "../rig/robot.js";
import { monotonicMs, until } from "../rig/until.js";
import { type Distribution, distributionOf } from "./statistics.js";

/** A way to lose a client, measured again and again. */
export interface LossKind {
  readonly name: string;
  readonly kind: ClientKind;
  /** Loses the client; CLOCK_MONOTONIC in ms of the moment before. */
  lose(client: Client): number | Promise<number>;
}

export interface LossFigures {
  readonly name: string;
  /** From the loss, on this process's clock, to the last simulated device's receipt of its stop. */
  readonly fromLoss: Distribution;
  /** From the last sign of life to the last part's acknowledgement of its stop, out of the gateway's timeline. */
  readonly fromLastSign: Distribution;
  /** Between the first and the last device's stop. */
  readonly skew: Distribution;
  /** Runs in which a device got no stop, or moved after it. */
  readonly failed: number;
}

const signalled = (signal: NodeJS.Signals) => (client: Client) => {
  const at = monotonicMs();
  client.signal(signal);
  return at;
};

export const LOSSES: readonly LossKind[] = [
  { name: "SIGKILL, WebRTC (its port refuses: the knock)", kind: "ts-webrtc", lose: signalled("SIGKILL") },
  { name: "SIGSTOP, WebRTC (its port stays open: no knock)", kind: "ts-webrtc", lose: signalled("SIGSTOP") },
  { name: "SIGKILL, direct gRPC", kind: "ts-grpc", lose: signalled("SIGKILL") },
  { name: "SIGSTOP, direct gRPC", kind: "ts-grpc", lose: signalled("SIGSTOP") },
  {
    name: "disconnect(), WebRTC",
    kind: "ts-webrtc",
    lose(client) {
      const at = monotonicMs();
      client.disconnect().catch(() => undefined);
      return at;
    },
  },
];

/** Long after the last step of a motion would have shown (100 ms each). */
const AFTERMATH_MS = 300;

export async function measureLoss(
  robot: Robot,
  loss: LossKind,
  runs: number,
  told: (run: number) => void,
): Promise<LossFigures> {
  const fromLoss: number[] = [];
  const fromLastSign: number[] = [];
  const skew: number[] = [];
  let failed = 0;
  for (let run = 0; run < runs; run++) {
    told(run);
    const outcome = await loseOnce(robot, loss);
    if (outcome.failed) failed += 1;
    fromLoss.push(outcome.fromLossMs);
    fromLastSign.push(outcome.fromLastSignMs);
    skew.push(outcome.skewMs);
  }
  return {
    name: loss.name,
    fromLoss: distributionOf(fromLoss),
    fromLastSign: distributionOf(fromLastSign),
    skew: distributionOf(skew),
    failed,
  };
}

interface Outcome {
  readonly failed: boolean;
  readonly fromLossMs: number;
  readonly fromLastSignMs: number;
  readonly skewMs: number;
}

const NO_STOP: Outcome = { failed: true, fromLossMs: Infinity, fromLastSignMs: Infinity, skewMs: Infinity };

async function loseOnce(robot: Robot, loss: LossKind): Promise<Outcome> {
  const client = await startClient(robot, loss.kind);
  try {
    const sid = await client.session();
    await moveBoth(robot, client);
    // Uniform over the phase of beats, challenges, lease questions and ticks (all shorter than the window).
    await sleep(Math.random() * robot.windowMs);
    const marks = mark(robot);
    const lostAt = await loss.lose(client);
    try {
      const stops = (await Promise.all(robot.parts.map((part) => stopsOf(part, marks)))).flat();
      await sleep(AFTERMATH_MS);
      for (const part of robot.parts) noMotionAfterStop(part, marks);
      const times = stops.map(({ t }) => t);
      const end = await endOf(robot, sid);
      return {
        failed: movedBefore(robot, marks, lostAt),
        fromLossMs: Math.max(...times) - lostAt,
        fromLastSignMs: Math.max(...end.parts.map(({ stopAcknowledgedMs }) => stopAcknowledgedMs ?? Infinity)),
        skewMs: Math.max(...times) - Math.min(...times),
      };
    } catch (error) {
      process.stderr.write(`${loss.name}: ${(error as Error).message}\n`);
      return NO_STOP;
    }
  } finally {
    await client.close();
  }
}

/** A stop that came before the loss would be another one's: such a run measures nothing. */
function movedBefore(robot: Robot, marks: Marks, lostAt: number): boolean {
  return robot.parts.some((part) =>
    part.devices.after(marks.get(part)!).some(({ t, command }) => command === "stop" && t < lostAt),
  );
}

function endOf(robot: Robot, sid: string): Promise<EndView> {
  return until("the end stands in the timeline", async () =>
    (await robot.ends()).find(
      ({ session, what, parts }) =>
        sid.startsWith(session) &&
        what === "end" &&
        parts.length === 2 &&
        parts.every(({ stopAcknowledgedMs }) => stopAcknowledgedMs !== null),
    ),
  );
}
