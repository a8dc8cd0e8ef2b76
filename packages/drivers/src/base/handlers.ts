import { actuatorHandlers, commonHandlers } from "../common-handlers.js";
import type { Handlers } from "../component.js";
import type { BaseService } from "../gen/base/base_pb.js";
import { finite } from "../values.js";
import type { Base, Vector } from "./base.js";

const MM_PER_METER = 1000;

export const baseHandlers: Handlers<Base, typeof BaseService> = {
  ...commonHandlers,
  ...actuatorHandlers,
  async moveStraight(base, { distanceMm, mmPerSec, extra }, { act }) {
    await base.moveStraight(Number(distanceMm), finite(mmPerSec, "mm_per_sec"), extra ?? {}, act);
    return {};
  },
  async spin(base, { angleDeg, degsPerSec, extra }, { act }) {
    await base.spin(finite(angleDeg, "angle_deg"), finite(degsPerSec, "degs_per_sec"), extra ?? {}, act);
    return {};
  },
  async setPower(base, { linear, angular, extra }, { act }) {
    await base.setPower(vector(linear, "linear"), vector(angular, "angular"), extra ?? {}, act);
    return {};
  },
  async setVelocity(base, { linear, angular, extra }, { act }) {
    await base.setVelocity(vector(linear, "linear"), vector(angular, "angular"), extra ?? {}, act);
    return {};
  },
  async getProperties(base, { extra }) {
    const { widthMm, turningRadiusMm, wheelCircumferenceMm } = await base.properties(extra ?? {});
    return {
      widthMeters: widthMm / MM_PER_METER,
      turningRadiusMeters: turningRadiusMm / MM_PER_METER,
      wheelCircumferenceMeters: wheelCircumferenceMm / MM_PER_METER,
    };
  },
};

/** An absent vector is zero, as an absent number would be. */
function vector(value: Vector | undefined, what: string): Vector {
  return {
    x: finite(value?.x ?? 0, `${what}.x`),
    y: finite(value?.y ?? 0, `${what}.y`),
    z: finite(value?.z ?? 0, `${what}.z`),
  };
}
