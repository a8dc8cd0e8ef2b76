import { actuatorHandlers, commonHandlers, kinematicsHandlers } from "../common-handlers.js";
import type { Handlers } from "../component.js";
import type { GripperService } from "../gen/gripper/gripper_pb.js";
import { finiteList } from "../values.js";
import type { Gripper } from "./gripper.js";

export const gripperHandlers: Handlers<Gripper, typeof GripperService> = {
  ...commonHandlers,
  ...actuatorHandlers,
  ...kinematicsHandlers,
  async open(gripper, { extra }, { act }) {
    await gripper.open(extra ?? {}, act);
    return {};
  },
  async grab(gripper, { extra }, { act }) {
    return { success: await gripper.grab(extra ?? {}, act) };
  },
  async isHoldingSomething(gripper, { extra }) {
    return { isHoldingSomething: await gripper.isHolding(extra ?? {}) };
  },
  async getCurrentInputs(gripper, { extra }) {
    return { values: [...(await gripper.currentInputs(extra ?? {}))] };
  },
  async goToInputs(gripper, { values, extra }, { act }) {
    await gripper.goToInputs(finiteList(values, "values"), extra ?? {}, act);
    return {};
  },
};
