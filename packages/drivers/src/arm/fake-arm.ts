import { VigilError } from "@vigil/shared";
import { readAttributes } from "../attributes.js";
import { createActuator } from "../fake/actuator.js";
import { FAKE_NAMES } from "../fake/names.js";
import { untilAborted } from "../fake/pause.js";
import type { Portrait } from "../fake/portrait.js";
import { createSimulatedJoints } from "../fake/simulated-joints.js";
import type { Act, BuildContext, Model } from "../resource.js";
import { noCommands } from "../unsupported.js";
import { within } from "../values.js";
import type { Arm, ArmMoveLimits } from "./arm.js";
import { endPose, jointsFor, linkEnds } from "./planar-chain.js";
import { planarKinematics } from "./planar-kinematics.js";

/** A plain fake arm has one joint, as Viam's does (its SDKs' own tests count on it). */
const DEFAULT_JOINTS = 1;
/** With `arm-model` Viam's fake takes the shape of a real arm; most have six joints. */
const MODEL_JOINTS = 6;
const MAX_JOINTS = 32;
const DEFAULT_SPEED_DEGS_PER_SEC = 60;
const DEFAULT_LINK_MM = 200;
const JOINT_LIMIT_DEG = 360;
const JOINT_RADIUS_MM = 40;

/**
 * An arm whose links move in the plane z = 0. Attributes: `joints` (1; 6 where `arm-model` is given),
 * `speed_degs_per_sec` (60), `link_mm` (200), and those of every fake. MoveToPosition reaches x and y; the orientation
 * follows from them.
 */
export const fakeArm: Model<Arm> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeArm };

function createFakeArm(context: BuildContext): Arm {
  const { name, clock } = context;
  const read = readAttributes(name, context.attributes);
  const count = read.integer("joints", read.text("arm-model") ? MODEL_JOINTS : DEFAULT_JOINTS, {
    min: 1,
    max: MAX_JOINTS,
  });
  const speed = read.number("speed_degs_per_sec", DEFAULT_SPEED_DEGS_PER_SEC, { min: 0.001, max: 100_000 });
  const linkMm = read.number("link_mm", DEFAULT_LINK_MM, { min: 1, max: 10_000 });
  const actuator = createActuator(context);
  const joints = createSimulatedJoints(
    clock,
    Array.from({ length: count }, () => 0),
  );

  const checkPositions = (positions: readonly number[]) => {
    if (positions.length !== count) {
      const wrong = `"${name}" has ${count} joint${count === 1 ? "" : "s"}, not ${positions.length}`;
      throw new VigilError("bad_request", `${wrong}: send one position for each, in degrees`);
    }
    positions.forEach((position, joint) => {
      within(position, `the position of joint ${joint} of "${name}"`, -JOINT_LIMIT_DEG, JOINT_LIMIT_DEG, "degrees");
    });
  };
  const speeds = ({ maxVelDegsPerSec, maxVelDegsPerSecJoints }: ArmMoveLimits): number[] =>
    Array.from({ length: count }, (_, joint) => {
      const limit = maxVelDegsPerSecJoints?.[joint] ?? maxVelDegsPerSec;
      if (limit === undefined) return speed;
      // 0 stands for "none given" in some clients; a negative limit is a mistake.
      return within(limit, `the speed limit of joint ${joint}`, 0, Number.MAX_VALUE, "deg/s") || speed;
    }).map((limit) => Math.min(limit, speed));
  /** Moves to one point, in `leastMs` or as long as the slowest joint needs. */
  const leg = async (to: readonly number[], limits: readonly number[], leastMs: number, act: Act, own: AbortSignal) => {
    const from = joints.positions();
    const needsMs = to.map((target, joint) => (Math.abs(target - from[joint]!) / limits[joint]!) * 1000);
    const endsAtMs = clock.now() + Math.max(leastMs, ...needsMs);
    await actuator.follow(
      act,
      {
        step: () =>
          actuator.continue(act, {
            name: "move_to",
            args: { joints_deg: to },
            apply: () => joints.moveTo(to, endsAtMs),
          }),
        remainingMs: () => endsAtMs - clock.now(),
      },
      own,
    );
  };
  const through = async (waypoints: readonly (readonly number[])[], limits: ArmMoveLimits, act: Act) => {
    for (const waypoint of waypoints) checkPositions(waypoint);
    const limitsDegsPerSec = speeds(limits);
    const own = actuator.begin(act);
    for (const waypoint of waypoints) await leg(waypoint, limitsDegsPerSec, 0, act, own);
  };

  const arm: Arm & { portrait(): Portrait } = {
    name,
    drives: [],
    endPosition: async () => endPose(joints.positions(), linkMm),
    moveToPosition: async (to, _extra, act) => through([jointsFor(to, count, linkMm)], {}, act),
    jointPositions: async () => joints.positions(),
    moveToJointPositions: (positions, _extra, act) => through([positions], {}, act),
    moveThroughJointPositions: (waypoints, limits, _extra, act) => through(waypoints, limits, act),
    async *streamJointPositions(batches, _extra, act) {
      const limits = speeds({});
      const own = actuator.begin(act);
      const ended = AbortSignal.any([act.signal, own]);
      const source = batches[Symbol.asyncIterator]();
      let reachedMs = 0;
      try {
        for (;;) {
          const next = await untilAborted(source.next(), ended);
          if (next.done) return;
          for (const point of next.value) checkPositions(point.positions);
          for (const { positions, timeMs } of next.value) {
            await leg(positions, limits, timeMs - reachedMs, act, own);
            reachedMs = timeMs;
          }
          yield;
        }
      } finally {
        // Not awaited: a source that is waiting for a client's next message ends when it may. Why it ended is told by
        // next() or by the abort; that it cannot be ended once more is nobody's news.
        source.return?.().then(undefined, () => undefined);
      }
    },
    kinematics: async () => planarKinematics(name, count, linkMm, JOINT_LIMIT_DEG),
    properties: async () => ({ manualMode: false, cartesianCommands: true }),
    stop: () => actuator.halt(joints.hold),
    hold: () => actuator.halt(joints.hold, "hold"),
    emergencyStop: actuator.emergencyStop,
    isMoving: async () => joints.isMoving(),
    async status() {
      const { oX, oY, oZ, ...rest } = endPose(joints.positions(), linkMm);
      const end = { ...rest, o_x: oX, o_y: oY, o_z: oZ };
      return { end_position: end, joint_positions: { values: joints.positions() }, is_moving: joints.isMoving() };
    },
    geometries: async () =>
      linkEnds(joints.positions(), linkMm).map(({ x, y }, link) => ({
        label: `${name}:link${link}`,
        center: { x, y, z: 0 },
        solid: { kind: "sphere", radiusMm: JOINT_RADIUS_MM },
      })),
    doCommand: noCommands(name),
    close: async () => actuator.close(),
    portrait: () => ({ kind: "arm", jointsDeg: joints.positions(), linkMm }),
  };
  return arm;
}
