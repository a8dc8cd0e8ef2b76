import { durationMs } from "@bufbuild/protobuf/wkt";
import { VigilError } from "@vigil/shared";
import { actuatorHandlers, commonHandlers, kinematicsHandlers } from "../common-handlers.js";
import type { Handlers } from "../component.js";
import type {
  ArmService,
  JointPositions,
  MoveOptions,
  MoveThroughJointPositionsStreamedRequest,
} from "../gen/arm/arm_pb.js";
import { unsupported } from "../unsupported.js";
import { finite, finiteList } from "../values.js";
import type { Arm, ArmMoveLimits, ArmPose, TrajectoryPoint } from "./arm.js";

export const armHandlers: Handlers<Arm, typeof ArmService> = {
  ...commonHandlers,
  ...actuatorHandlers,
  ...kinematicsHandlers,
  async getEndPosition(arm, { extra }) {
    return { pose: { ...(await arm.endPosition(extra ?? {})) } };
  },
  async moveToPosition(arm, { to, extra }, { act }) {
    if (!to) throw new VigilError("bad_request", "the request has no pose: send where the arm's end shall go in `to`");
    await arm.moveToPosition(pose(to), extra ?? {}, act);
    return {};
  },
  async getJointPositions(arm, { extra }) {
    return { positions: { values: [...(await arm.jointPositions(extra ?? {}))] } };
  },
  async moveToJointPositions(arm, { positions, extra }, { act }) {
    await arm.moveToJointPositions(joints(positions), extra ?? {}, act);
    return {};
  },
  async moveThroughJointPositions(arm, { positions, options, extra }, { act }) {
    await arm.moveThroughJointPositions(positions.map(joints), limits(options), extra ?? {}, act);
    return {};
  },
  async *moveThroughJointPositionsStreamed(arm, requests, { act }) {
    const source = requests[Symbol.asyncIterator]();
    const first = await source.next();
    if (first.done || first.value.message.case !== "init") {
      throw new VigilError("bad_request", "the stream does not begin with `init`: send it once, then the batches");
    }
    const extra = first.value.message.value.extra ?? {};
    for await (const _done of arm.streamJointPositions(batches(source), extra, act)) {
      yield { message: { case: "ack", value: {} } };
    }
  },
  async get3DModels() {
    return { models: {} };
  },
  async setManualMode(arm, { manualMode, enabledFor, extra }, { act }) {
    if (!arm.setManualMode) throw unsupported(arm.name, "SetManualMode");
    await arm.setManualMode(manualMode, enabledFor, extra ?? {}, act);
    return {};
  },
  async getManualMode(arm, { extra }) {
    return { manualMode: arm.manualMode ? await arm.manualMode(extra ?? {}) : false };
  },
  async getProperties(arm, { extra }) {
    const { manualMode, cartesianCommands } = await arm.properties(extra ?? {});
    return { supportManualMode: manualMode, supportCartesianCommands: cartesianCommands };
  },
};

function joints(positions: JointPositions | undefined): readonly number[] {
  if (positions) return finiteList(positions.values, "positions");
  throw new VigilError("bad_request", "the request has no joint positions: send one for each joint, in degrees");
}

function pose({ x, y, z, oX, oY, oZ, theta }: ArmPose): ArmPose {
  for (const [key, value] of Object.entries({ x, y, z, oX, oY, oZ, theta })) finite(value, `to.${key}`);
  return { x, y, z, oX, oY, oZ, theta };
}

function limits(options: MoveOptions | undefined): ArmMoveLimits {
  const all = options?.maxVelDegsPerSec;
  const each = options?.maxVelDegsPerSecJoints ?? [];
  return {
    maxVelDegsPerSec: all === undefined ? undefined : finite(all, "max_vel_degs_per_sec"),
    maxVelDegsPerSecJoints: each.length > 0 ? finiteList(each, "max_vel_degs_per_sec_joints") : undefined,
  };
}

async function* batches(
  source: AsyncIterator<MoveThroughJointPositionsStreamedRequest>,
): AsyncGenerator<readonly TrajectoryPoint[], void, undefined> {
  for (let next = await source.next(); !next.done; next = await source.next()) {
    const { message } = next.value;
    if (message.case !== "batch") {
      throw new VigilError("bad_request", "the stream has a message that is no batch: after `init` send batches only");
    }
    yield message.value.points.map(({ time, positions }) => ({
      timeMs: time ? durationMs(time) : 0,
      positions: joints(positions),
    }));
  }
}
