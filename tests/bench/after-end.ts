import { setTimeout as sleep } from "node:timers/promises";
import { isStop } from "../rig/device-log.js";
import { until } from "../rig/until.js";
import { numbered, startBenchRobot } from "./bench-robot.js";
import { countOf, type Section } from "./section.js";
import { startSwarm } from "./swarm.js";

const MOTORS = 20;
const ROUNDS = 5;
/** A running GoFor repeats its command ten times a second; viam-server's went on for 3.3 s. */
const WATCH_MS = 4000;

export const afterEnd: Section = {
  name: "after-end",
  title: "A running GoFor whose session has ended",
  isQuick: false,
  async measure(options) {
    const rounds = countOf(options, ROUNDS, 1);
    const motors = numbered("motor", MOTORS);
    const robot = await startBenchRobot({ motors });
    try {
      let acts = 0;
      const failures: string[] = [];
      for (let round = 0; round < rounds; round++) {
        options.say(`round ${round + 1} of ${rounds}`);
        const swarm = await startSwarm(robot.url, robot.windowMs);
        try {
          const { sessions, failures: dials } = await swarm.open(MOTORS, 4, true);
          if (dials.length > 0) throw new Error(`a client could not dial: ${dials[0]}`);
          const from = robot.devices.all().length;
          await swarm.goFor(motors, 1000);
          await until("every motor runs", () => {
            const moved = new Set(robot.devices.after(from).map(({ device }) => device));
            return moved.size === MOTORS;
          });
          const running = robot.devices.all().length;
          await Promise.all(sessions.map((session) => robot.revoke(session)));
          await sleep(WATCH_MS);
          const stopped = new Set<string>();
          for (const command of robot.devices.after(running)) {
            if (isStop(command)) stopped.add(command.device);
            else if (stopped.has(command.device)) acts += 1;
          }
          if (stopped.size < MOTORS) failures.push(`${MOTORS - stopped.size} motors were never stopped`);
        } finally {
          await swarm.end();
        }
      }
      return {
        figures: [
          {
            id: "after-end/acts",
            what: "running GoFor whose session has ended: commands to the motor after its stop",
            value: acts,
            unit: "",
            runs: rounds * MOTORS,
            target: { most: 0 },
            anchor: "161 acts in 3.3 s",
          },
        ],
        failures,
        details: `${MOTORS} clients each let a motor of their own run for minutes (GoFor); then an operator revokes all their sessions, and the
simulated devices are watched for ${WATCH_MS / 1000} s: ${rounds * MOTORS} ends, ${acts} commands after a stop. The losses above count the same for
every client that they lose.`,
      };
    } finally {
      await robot.stop();
    }
  },
};
