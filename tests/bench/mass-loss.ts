import { setTimeout as sleep } from "node:timers/promises";
import { actsAfterStop, isStop } from "../rig/device-log.js";
import { monotonicMs, until, wallToMonotonicMs } from "../rig/until.js";
import { type BenchRobot, numbered, startBenchRobot } from "./bench-robot.js";
import { silentBounds } from "./loss-plan.js";
import { countOf, type Section, show, table } from "./section.js";
import { distributionOf } from "./statistics.js";
import { startSwarm } from "./swarm.js";

const CLIENTS = 50;
const ROUNDS = 20;
/** Motions run steadily and beats have their rhythm, in ms. */
const SETTLED_MS = 500;
/** Longer than the last stop may take, in ms: whatever moved after it would show. */
const AFTERMATH_MS = 250;

interface Round {
  /** From each client's last sign of life to its motor's stop; Infinity: there was none, or a command after it. */
  readonly fromSignMs: readonly number[];
  readonly spreadMs: number;
}

export const massLoss: Section = {
  name: "mass-loss",
  title: `${CLIENTS} clients that are lost at one instant`,
  isQuick: false,
  async measure(options) {
    const motors = numbered("motor", CLIENTS);
    const robot = await startBenchRobot({ motors });
    try {
      // Compilers warm up.
      await lose(robot, motors);
      const rounds: Round[] = [];
      const wanted = countOf(options, ROUNDS, 1);
      for (let round = 0; round < wanted; round++) {
        options.say(`round ${round + 1} of ${wanted}`);
        rounds.push(await lose(robot, motors));
      }
      const times = rounds.flatMap(({ fromSignMs }) => fromSignMs);
      const stops = distributionOf(times);
      const spread = distributionOf(rounds.map(({ spreadMs }) => spreadMs));
      const missing = times.filter((ms) => ms === Infinity).length;
      const what = `${CLIENTS} clients frozen at one instant, window ${robot.windowMs / 1000}s: from the last sign of life to the stop`;
      const bounds = silentBounds(robot.windowMs);
      const common = { unit: "ms", runs: stops.runs, runsWanted: 200 } as const;
      return {
        figures: [
          {
            ...common,
            id: "mass-loss/p99",
            what: `${what}, p99`,
            value: stops.p99Ms,
            target: { most: bounds.p99Ms },
          },
          {
            ...common,
            id: "mass-loss/max",
            what: `${what}, max`,
            value: stops.maxMs,
            target: { most: bounds.maxMs },
          },
        ],
        failures: missing > 0 ? [`${missing} motors got no stop, or a command after it`] : [],
        details: `As when an access point dies: ${CLIENTS} clients over WebRTC, each with an explicit session and a motor of its own that it lets run,
all on one part. Their process is frozen (SIGSTOP).

${table(
  ["clients lost", "p50, ms", "p99", "max", "from the first stop of a round to its last: p50", "max"],
  [
    [
      String(stops.runs),
      show(stops.p50Ms),
      show(stops.p99Ms),
      show(stops.maxMs),
      show(spread.p50Ms),
      show(spread.maxMs),
    ],
  ],
)}`,
      };
    } finally {
      await robot.stop();
    }
  },
};

async function lose(robot: BenchRobot, motors: readonly string[]): Promise<Round> {
  const swarm = await startSwarm(robot.url, robot.windowMs);
  try {
    const { failures, sessions } = await swarm.open(motors.length, 4, true);
    if (failures.length > 0) throw new Error(`a client could not dial: ${failures[0]}`);
    const begun = robot.devices.all().length;
    // So many first commands at once may be too old when their turn comes: they are given again.
    await until("every motor runs", async () => {
      await swarm.goFor(motors, 10_000);
      await sleep(SETTLED_MS);
      return new Set(robot.devices.after(begun).map(({ device }) => device)).size === motors.length;
    });
    const moving = robot.devices.all().length;
    const lostAt = monotonicMs();
    swarm.signal("SIGSTOP");
    await sleep(silentBounds(robot.windowMs).maxMs + AFTERMATH_MS);
    const commands = robot.devices.after(moving).filter(({ t }) => t >= lostAt);
    const stopped = motors.map((motor) => {
      const own = commands.filter(({ device }) => device === motor);
      return actsAfterStop(own) > 0 ? Infinity : (own.find(isStop)?.t ?? Infinity);
    });
    const offset = wallToMonotonicMs();
    const signs = new Map(
      (await robot.endsOf(sessions)).flatMap(({ at, parts }) =>
        parts.flatMap(({ resources }) => resources.map(({ name }) => [name, Date.parse(at) + offset] as const)),
      ),
    );
    return {
      fromSignMs: motors.map((motor, index) => stopped[index]! - (signs.get(motor) ?? -Infinity)),
      spreadMs: Math.max(...stopped) - Math.min(...stopped),
    };
  } finally {
    await swarm.end();
  }
}
