import { actuatorHandlers, commonHandlers } from "../common-handlers.js";
import type { Handlers } from "../component.js";
import type { ServoService } from "../gen/servo/servo_pb.js";
import type { Servo } from "./servo.js";

export const servoHandlers: Handlers<Servo, typeof ServoService> = {
  ...commonHandlers,
  ...actuatorHandlers,
  async move(servo, { angleDeg, extra }, { act }) {
    await servo.move(angleDeg, extra ?? {}, act);
    return {};
  },
  async getPosition(servo, { extra }) {
    // The wire has whole degrees from 0 only.
    return { positionDeg: Math.max(0, Math.round(await servo.position(extra ?? {}))) };
  },
};
