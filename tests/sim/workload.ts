import type { Rng } from "./world/rng.js";
import type { Robot } from "./world/robot.js";
import type { SimClient } from "./world/sim-client.js";

/** What the clients do with the robot: commands of every kind, at their own pace. */
export interface Workload {
  stop(): void;
}

/** Mean pause between two commands of a client, in ms. */
const PAUSE_MS = 250;

export function startWorkload(robot: Robot, rng: Rng): Workload {
  let stopped = false;
  for (const client of robot.clients) {
    const turn = () => {
      if (stopped) return;
      if (client.process.state === "up") act(robot, client, rng);
      // Bursts and long silences both: the quiet limit must be met too.
      const pause = rng.chance(0.03) ? rng.between(1, 30) * PAUSE_MS : -Math.log(1 - rng.float()) * PAUSE_MS;
      robot.time.at(robot.time.now + pause, turn);
    };
    robot.time.at(robot.time.now + rng.between(0, 500), turn);
  }
  return {
    stop() {
      stopped = true;
    },
  };
}

function act(robot: Robot, client: SimClient, rng: Rng): void {
  const resource = rng.pick(robot.resources);
  const dice = rng.float();
  if (dice < 0.4) client.call({ resource, class: "move_endless", durationMs: 0, streamed: false });
  else if (dice < 0.62) {
    const durationMs = rng.between(50, client.carrier === "web" ? 600 : 3000);
    const call = client.call({ resource, class: "move", durationMs, streamed: false });
    if (call !== undefined && rng.chance(0.2)) {
      robot.time.at(robot.time.now + rng.between(1, durationMs), () => client.cancel(call));
    }
  } else if (dice < 0.74) stream(robot, client, rng, resource);
  else if (dice < 0.86) client.call({ resource, class: "use", durationMs: 0, streamed: false });
  else if (dice < 0.93) client.call({ resource, class: "stop", durationMs: 0, streamed: false });
  else if (dice < 0.99) client.call({ resource, class: "read", durationMs: 0, streamed: false });
  else client.stopAll();
}

/** A joystick: a streamed call with a message every 50 ms. */
function stream(robot: Robot, client: SimClient, rng: Rng, resource: string): void {
  const durationMs = rng.between(200, client.carrier === "web" ? 600 : 2000);
  const call = client.call({ resource, class: "move_endless", durationMs, streamed: true });
  if (call === undefined) return;
  for (let at = 50; at < durationMs; at += 50) robot.time.at(robot.time.now + at, () => client.message(call));
}
