import { createCheckers, type Figures, Violation } from "./checkers.js";
import { startFaults } from "./faults.js";
import { startWorkload, type WorkloadOptions } from "./workload.js";
import { createRng, type Rng } from "./world/rng.js";
import { createRobot, type Robot, type RobotOptions } from "./world/robot.js";
import type { Carrier } from "./world/sim-client.js";

export interface EpisodeResult {
  readonly seed: number;
  readonly simulatedMs: number;
  readonly eventsRun: number;
  readonly figures: Figures;
}

/** How long an episode is, and how dense. Times in ms. */
export interface EpisodeShape {
  readonly windowsMs: readonly number[];
  readonly mostParts: number;
  readonly mostClients: number;
  /** Length of the part with faults. */
  readonly faultsMs: number;
  /** Means of the pauses between faults, one of which is drawn. */
  readonly faultPausesMs: readonly number[];
  readonly faultLengthFactor: number;
  readonly workload: WorkloadOptions;
  /** After two windows in which everybody is gone: the time for stops that were failing, until all must be at rest. */
  readonly restMs: number;
  /** Whether the robot is mended afterwards, must serve everybody again (P10) and forget what has ended. */
  readonly recovers: boolean;
}

export const EPISODE_SHAPES = {
  /** A minute of trouble, then a robot that must have recovered from all of it. */
  long: {
    windowsMs: [300, 500, 1000, 2000, 2000],
    mostParts: 3,
    mostClients: 4,
    faultsMs: 60_000,
    faultPausesMs: [800, 2000, 5000, 20_000],
    faultLengthFactor: 1,
    workload: { meanPauseMs: 250, longestMs: 3000 },
    restMs: 1000,
    recovers: true,
  },
  /** A few windows, dense with faults and commands: as many different beginnings as the time allows. */
  brief: {
    windowsMs: [200, 300],
    mostParts: 2,
    mostClients: 2,
    faultsMs: 700,
    faultPausesMs: [100, 200, 400],
    faultLengthFactor: 0.15,
    workload: { meanPauseMs: 60, longestMs: 500 },
    restMs: 350,
    recovers: false,
  },
} as const satisfies Record<string, EpisodeShape>;

/** Time that a mended robot gets to find itself again: links, sessions, leases, in ms. */
const RECOVERY_MS = 8000;

/** A robot of this seed's own making: windows, parts, clients, network. */
export function optionsOf(rng: Rng, shape: EpisodeShape = EPISODE_SHAPES.long): RobotOptions {
  const carriers: readonly Carrier[] = ["webrtc", "webrtc", "grpc", "web"];
  const lossy = rng.chance(0.4);
  return {
    windowMs: rng.pick(shape.windowsMs),
    quietLimitMs: rng.pick([3000, 10_000]),
    maxCommandAgeMs: 300,
    store: rng.pick(["gateway", "redis"] as const),
    stopGroup: rng.pick(["robot", "part"] as const),
    parts: 1 + rng.int(shape.mostParts),
    clients: Array.from({ length: 1 + rng.int(shape.mostClients) }, () => ({
      carrier: rng.pick(carriers),
      explicit: rng.chance(0.5),
    })),
    lan: { delayMs: rng.between(0.1, 2), jitterMs: rng.between(0, 3), loss: 0, duplicates: 0.01 },
    wan: {
      delayMs: rng.between(0.2, 40),
      jitterMs: rng.between(0, 20),
      loss: lossy ? rng.between(0, 0.1) : 0,
      duplicates: 0.02,
    },
    rearm: rng.chance(0.2) ? "manual" : "auto",
    slowBus: rng.chance(0.5),
    driftPpm: 200,
  };
}

export interface EpisodeOptions {
  /** Keeps each step in the trail of a violation. */
  readonly detailed?: boolean;
  readonly shape?: EpisodeShape;
}

/**
 * One robot's hour of trouble, short: faults and work at once, then everything is mended and must work again, then
 * everyone leaves and nothing may be left.
 * @throws Violation with the seed and what happened before it.
 */
export async function runEpisode(
  seed: number,
  { detailed = false, shape = EPISODE_SHAPES.long }: EpisodeOptions = {},
): Promise<EpisodeResult> {
  const rng = createRng(seed);
  const checkers = createCheckers({ detailed });
  const robot = createRobot(rng.int(2 ** 31), optionsOf(rng, shape), checkers);
  checkers.attach(robot);
  try {
    const workload = startWorkload(robot, rng.fork(), shape.workload);
    const faults = startFaults(robot, rng.fork(), checkers, {
      meanPauseMs: rng.pick(shape.faultPausesMs),
      lengthFactor: shape.faultLengthFactor,
    });
    await robot.time.runUntil(shape.faultsMs);
    faults.stop();
    robot.mendAll();
    robot.network.lan = robot.options.lan;
    checkers.excuse("all");
    checkers.note("MENDED");
    if (shape.recovers) {
      for (const client of robot.clients) if (client.process.state === "down") client.restart();
      await robot.time.runUntil(robot.time.now + RECOVERY_MS);
    }
    workload.stop();
    if (shape.recovers) await checkServes(robot);
    await checkComesToRest(robot, shape.restMs);
    if (shape.recovers) await checkForgets(robot);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const options = JSON.stringify(robot.options);
    throw new Violation(`seed ${seed}: ${error.message}\n${options}\n${checkers.trail.join("\n")}`, { cause: error });
  }
  return { seed, simulatedMs: robot.time.now, eventsRun: robot.time.eventsRun, figures: checkers.figures };
}

/** Longest that a deliberate command, repeated, may be refused by a robot that has recovered, in ms. */
const SERVES_MS = 4000;
const RETRY_MS = 250;

/** P10: new commands flow. Nothing may be stuck behind a fence that nobody knows of. */
async function checkServes(robot: Robot): Promise<void> {
  for (const client of robot.clients) {
    // A browser whose beats a lossy line holds up for longer than its window is a client that comes and goes.
    if (client.carrier === "web" && robot.options.wan.loss > 0) continue;
    for (const part of robot.parts) {
      const resource = `${part.name}:arm`;
      let answer = "none";
      for (let waited = 0; waited < SERVES_MS && answer !== "ok"; waited += RETRY_MS) {
        part.guard.rearm(resource, part.process.clock.now());
        answer = "none";
        client.call({ resource, class: "move_endless", durationMs: 0, streamed: false }, (given) => {
          answer = given;
        });
        await robot.time.runUntil(robot.time.now + RETRY_MS);
      }
      if (answer !== "ok") throw new Violation(`P10: ${client.process.name} cannot move ${resource} again: ${answer}`);
    }
  }
}

/** Enough for whatever ends at all. */
const REST_ROUNDS = 5;

/** Everybody dies: all motion ends. */
async function checkComesToRest(robot: Robot, restMs: number): Promise<void> {
  const { windowMs } = robot.options;
  for (const client of robot.clients) client.die();
  for (let round = 0; round < REST_ROUNDS; round++) {
    const from = robot.time.now;
    // An open call of a browser speaks for it until it ends, at most as long as the longest motion.
    await robot.time.runUntil(from + 2 * windowMs + restMs);
    // What a dead client's kernel still sends on a bad line may open a session yet: that one has its window, too. And a
    // Stop that hung has its timeout.
    const isOpened = [...robot.gateway.keeper.all()].some(({ openedAt }) => openedAt > from);
    if (!isOpened && !robot.parts.some(({ guard }) => guard.groups().some(({ stopping }) => stopping))) break;
  }
  for (const part of robot.parts) {
    for (const actuator of part.actuators) {
      if (actuator.moving) throw new Violation(`P1: ${part.name}:${actuator.name} moves with everybody gone`);
    }
    for (const group of part.guard.groups()) {
      if (group.owner !== undefined || group.stopping || group.callsInFlight > 0) {
        throw new Violation(`${part.name} does not come to rest: ${JSON.stringify(group)}`);
      }
    }
  }
  const left = [...robot.gateway.keeper.all()];
  if (left.length > 0) throw new Violation(`${left.length} sessions are left with everybody gone`);
}

/** No session is remembered, and asked for, for ever. */
async function checkForgets(robot: Robot): Promise<void> {
  await robot.time.runUntil(robot.time.now + 12_000);
  for (const part of robot.parts) {
    const asked = part.guard.sessionsToAsk(part.process.clock.now());
    if (asked.length > 0) throw new Violation(`${part.name} asks about ${asked.length} sessions for ever`);
  }
}
