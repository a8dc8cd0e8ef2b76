import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./clients/index.js";
import { type DeviceCommand, isStop } from "./device-log.js";
import type { RigPart, Robot } from "./robot.js";

/** A running motion repeats its command to the device every 100 ms: silence of three such steps is the end of it. */
const STILL_MS = 300;

/** How many commands the hardware of each part had got. */
export type Marks = ReadonlyMap<RigPart, number>;

export const mark = (robot: Robot): Marks => new Map(robot.parts.map((part) => [part, part.devices.all().length]));

/**
 * Lets a client move the base (part main) and the arm (part arm) with long motions, and waits until both run.
 * What the motions' calls come to is the second answer: they end when the client does.
 */
export async function moveBoth(
  robot: Robot,
  client: Client,
): Promise<{ ended: Promise<PromiseSettledResult<void>[]> }> {
  const marks = mark(robot);
  // The arm stays where the last motion left it: away from there, so that the way is long.
  const [at = 0] = await client.joints();
  const ended = Promise.allSettled([
    client.straight(1_000_000, 100),
    client.moveArm([at > 0 ? -170 : 170, 0, 0, 0, 0, 0]),
  ]);
  const failed = ended.then(([base, arm]) => {
    throw new Error(
      `the motions ended before they were seen: ${JSON.stringify([base, arm].map(String))} ${reasons([base!, arm!])}`,
    );
  });
  const seen = Promise.all([
    robot.main.devices.came(
      "motion of the left wheel",
      (command) => command.device === "left" && !isStop(command),
      marks.get(robot.main),
    ),
    robot.arm.devices.came(
      "motion of the arm",
      (command) => command.device === "arm" && !isStop(command),
      marks.get(robot.arm),
    ),
  ]);
  await Promise.race([seen, failed]);
  // Only a motion that ends before it is seen is an error of the test.
  failed.catch(() => undefined);
  return { ended };
}

const reasons = (results: PromiseSettledResult<void>[]) =>
  results.map((result) => (result.status === "rejected" ? String(result.reason) : "fulfilled")).join("; ");

/** The devices that a long motion of `moveBoth` moves. */
const MOVED: Readonly<Record<string, readonly string[]>> = { main: ["left", "right"], arm: ["arm"] };

/** The first stop of each moving device after the marks: what the hardware saw. */
export async function stopsOf(part: RigPart, marks: Marks): Promise<DeviceCommand[]> {
  return Promise.all(
    MOVED[part.name]!.map((device) =>
      part.devices.came(
        `a stop of ${device}`,
        (command) => command.device === device && isStop(command),
        marks.get(part),
      ),
    ),
  );
}

/** Waits until both parts' hardware has stopped, and holds that nothing moves it after its stop. */
export async function bothStop(robot: Robot, marks: Marks, parts: readonly RigPart[] = robot.parts): Promise<void> {
  await Promise.all(parts.map((part) => stopsOf(part, marks)));
  await sleep(STILL_MS);
  for (const part of parts) noMotionAfterStop(part, marks);
}

/** Whatever came after the marks: no device gets a motion after its stop. */
export function noMotionAfterStop(part: RigPart, marks: Marks): void {
  const stopped = new Set<string>();
  for (const command of part.devices.after(marks.get(part)!)) {
    if (isStop(command)) stopped.add(command.device);
    else assert.ok(!stopped.has(command.device), `${command.device} moves after its stop: ${JSON.stringify(command)}`);
  }
}

/** Nothing moves any more; a stop may well come once more, over another part or from a plan that is not done. */
export async function staysStill(part: RigPart): Promise<void> {
  const before = part.devices.all().length;
  await sleep(STILL_MS);
  assert.deepEqual(
    part.devices.after(before).filter((command) => !isStop(command)),
    [],
  );
}
