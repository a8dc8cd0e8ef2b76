import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "../rig/clients/index.js";
import { type OdriveSimulator, startOdriveSimulator } from "../rig/odrive/odrive-simulator.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { monotonicMs, until } from "../rig/until.js";
import { childrenOf } from "./processes.js";
import { countOf, type Section, show, table } from "./section.js";
import { type Distribution, distributionOf } from "./statistics.js";

/** The drive's own: set by the driver from this attribute. */
const WATCHDOG_MS = 500;
/** The driver feeds it at most a guard tick (50 ms) before the death; the rest is the simulated drive's own turn. */
const LIMIT_MS = WATCHDOG_MS + 50;
/** A guard tick, which feeds: the death comes at any instant of it. */
const TICK_MS = 50;

export const watchdog: Section = {
  name: "watchdog",
  title: "The drive's own watchdog",
  isQuick: false,
  async measure(options) {
    if (spawnSync("python3", ["--version"]).status !== 0) {
      return { figures: [], failures: ["python3, which the simulated drive needs, is not installed"], details: "" };
    }
    const drive = await startOdriveSimulator();
    try {
      const robot = await startRobot({
        components: {
          left: {
            model: "odrive",
            attributes: { serial_path: drive.path, axis: 0, max_rpm: 100, watchdog: `${WATCHDOG_MS}ms` },
          },
        },
      });
      try {
        const times: number[] = [];
        const runs = countOf(options, 15, 1);
        for (let run = 0; run < runs; run++) {
          options.say(`run ${run + 1} of ${runs}`);
          times.push(await kill(robot, drive));
        }
        return resultOf(distributionOf(times));
      } finally {
        await robot.stop();
      }
    } finally {
      await drive.stop();
    }
  },
};

/** Time from the death of agent and sentinel to the end of the drive's power, in ms. */
async function kill(robot: Robot, drive: OdriveSimulator): Promise<number> {
  return withClient(robot, "raw-grpc", async (client) => {
    await client.drive(0.5);
    await until("the axis turns", async () => (await drive.state())[0]!.moving);
    await sleep(Math.random() * TICK_MS);
    const noted = drive.log().length;
    const agent = robot.main.process;
    // The sentinel first: it has nothing to tell of an agent that still lives.
    const sentinels = childrenOf(agent.pid);
    const at = monotonicMs();
    for (const pid of sentinels) process.kill(pid, "SIGKILL");
    await agent.kill();
    const ended = await drive.events
      .came("the end of its power", ({ command }) => command === "watchdog", noted)
      .then(
        ({ t }) => t - at,
        () => Infinity,
      );
    robot.main.restart();
    await robot.ready();
    return ended;
  });
}

function resultOf(times: Distribution) {
  return {
    figures: [
      {
        id: "watchdog/p99",
        what: `agent and sentinel killed together: the drive's own watchdog (${WATCHDOG_MS} ms) ends its power, p99`,
        value: times.p99Ms,
        unit: "ms" as const,
        runs: times.runs,
        target: { most: LIMIT_MS },
      },
    ],
    failures: [],
    details: `A wheel of the base is a simulated ODrive on a serial port, turning. Agent and sentinel are killed at one instant, so that
nobody is left to stop it: from then to the instant at which the drive, no longer fed, takes its own power away.

${table(
  ["runs", "p50, ms", "p99", "max"],
  [[String(times.runs), show(times.p50Ms), show(times.p99Ms), show(times.maxMs)]],
)}`,
  };
}
