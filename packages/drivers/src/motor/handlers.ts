import { actuatorHandlers, commonHandlers } from "../common-handlers.js";
import type { Handlers } from "../component.js";
import type { MotorService } from "../gen/motor/motor_pb.js";
import { finite } from "../values.js";
import type { Motor } from "./motor.js";

export const motorHandlers: Handlers<Motor, typeof MotorService> = {
  ...commonHandlers,
  ...actuatorHandlers,
  async setPower(motor, { powerPct, extra }, { act }) {
    await motor.setPower(finite(powerPct, "power_pct"), extra ?? {}, act);
    return {};
  },
  async setRPM(motor, { rpm, extra }, { act }) {
    await motor.setRpm(finite(rpm, "rpm"), extra ?? {}, act);
    return {};
  },
  async goFor(motor, { rpm, revolutions, extra }, { act }) {
    await motor.goFor(finite(rpm, "rpm"), finite(revolutions, "revolutions"), extra ?? {}, act);
    return {};
  },
  async goTo(motor, { rpm, positionRevolutions, extra }, { act }) {
    await motor.goTo(finite(rpm, "rpm"), finite(positionRevolutions, "position_revolutions"), extra ?? {}, act);
    return {};
  },
  async resetZeroPosition(motor, { offset, extra }, { act }) {
    await motor.resetZeroPosition(finite(offset, "offset"), extra ?? {}, act);
    return {};
  },
  async getPosition(motor, { extra }) {
    return { position: await motor.position(extra ?? {}) };
  },
  async getProperties(motor, { extra }) {
    return { positionReporting: await motor.reportsPosition(extra ?? {}) };
  },
  async isPowered(motor, { extra }) {
    const { isOn, fraction } = await motor.power(extra ?? {});
    return { isOn, powerPct: fraction };
  },
};
