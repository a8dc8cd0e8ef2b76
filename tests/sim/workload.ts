import type { Rng } from "./world/rng.js";
import type { Robot } from "./world/robot.js";
import type { SimClient } from "./world/sim-client.js";

/** What the clients do with the robot: commands of every kind, at their own pace. */
export interface Workload {
  stop(): void;
}

export interface WorkloadOptions {
  /** Between two commands of a client, in ms. */
  readonly meanPauseMs: number;
  /** Length of the longest motion with an end, in ms. */
  readonly longestMs: number;
}

/** A browser's calls are short: an open one speaks for its client, whatever became of it. */
const LONGEST_OF_WEB_MS = 600;

export function startWorkload(robot: Robot, rng: Rng, { meanPauseMs, longestMs }: WorkloadOptions): Workload {
  let stopped = false;
  for (const client of robot.clients) {
    const turn = () => {
      if (stopped) return;
      if (client.process.state === "up") act(robot, client, rng, longestMs);
      // Bursts and long silences both: the quiet limit must be met too.
      const pause = rng.chance(0.03) ? rng.between(1, 30) * meanPauseMs : -Math.log(1 - rng.float()) * meanPauseMs;
      robot.time.at(robot.time.now + pause, turn);
    };
    robot.time.at(robot.time.now + rng.between(0, 2 * meanPauseMs), turn);
  }
  return {
    stop() {
      stopped = true;
    },
  };
}

function act(robot: Robot, client: SimClient, rng: Rng, longestMs: number): void {
  const longest = client.carrier === "web" ? Math.min(LONGEST_OF_WEB_MS, longestMs) : longestMs;
  const resource = rng.pick(robot.resources);
  const dice = rng.float();
  if (dice < 0.4) client.call({ resource, class: "move_endless", durationMs: 0, streamed: false });
  else if (dice < 0.62) {
    const durationMs = rng.between(50, longest);
    const call = client.call({ resource, class: "move", durationMs, streamed: false });
    if (call !== undefined && rng.chance(0.2)) {
      robot.time.at(robot.time.now + rng.between(1, durationMs), () => client.cancel(call));
    }
  } else if (dice < 0.74) stream(robot, client, rng.between(200, longest), resource);
  else if (dice < 0.86) client.call({ resource, class: "use", durationMs: 0, streamed: false });
  else if (dice < 0.93) client.call({ resource, class: "stop", durationMs: 0, streamed: false });
  else if (dice < 0.99) client.call({ resource, class: "read", durationMs: 0, streamed: false });
  else client.stopAll();
}

/** A joystick: a streamed call with a message every 50 ms. */
function stream(robot: Robot, client: SimClient, durationMs: number, resource: string): void {
  const call = client.call({ resource, class: "move_endless", durationMs, streamed: true });
  if (call === undefined) return;
  for (let at = 50; at < durationMs; at += 50) robot.time.at(robot.time.now + at, () => client.message(call));
}
