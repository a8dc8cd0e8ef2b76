import { type CallHandler, createTypedClient } from "@vigil/protocol";
import { VigilError } from "@vigil/shared";
import { readAttributes } from "../attributes.js";
import { MotorService } from "../gen/motor/motor_pb.js";
import type { Act, Attributes, BuildContext, Model } from "../resource.js";
import { toStruct } from "../struct.js";
import type { Motor } from "./motor.js";

/**
 * A motor of another part under a name of this one, so that a base here can drive wheels there. Attribute `resource`:
 * its name as in "arm:wheel". Commands go out on behalf of the call that gives them: the wheel belongs to the same
 * session as the base, and its own part stops it when that session ends, whatever becomes of this part (rules.md, R8).
 */
export const remoteMotor: Model<Motor> = {
  names: ["remote", "rdk:builtin:remote"],
  dependencies: () => [],
  build: createRemoteMotor,
};

function createRemoteMotor(context: BuildContext): Motor {
  const there = readAttributes(context.name, context.attributes).text("resource");
  if (there === undefined) {
    throw new VigilError(
      "bad_request",
      `"${context.name}" needs the attribute resource, as in "resource": "arm:wheel"`,
    );
  }
  const motorOver = (call: CallHandler) => createTypedClient(MotorService, call);
  const watched = motorOver(context.robot);
  const request = (extra: Attributes) => ({ name: there, extra: toStruct(extra) });
  const options = (act: Act) => ({ signal: act.signal });

  return {
    name: context.name,
    drives: [],
    async setPower(fraction, extra, act) {
      await motorOver(act.robot).setPower({ ...request(extra), powerPct: fraction }, options(act));
    },
    async setRpm(rpm, extra, act) {
      await motorOver(act.robot).setRPM({ ...request(extra), rpm }, options(act));
    },
    async goFor(rpm, revolutions, extra, act) {
      await motorOver(act.robot).goFor({ ...request(extra), rpm, revolutions }, options(act));
    },
    async goTo(rpm, positionRevolutions, extra, act) {
      await motorOver(act.robot).goTo({ ...request(extra), rpm, positionRevolutions }, options(act));
    },
    async resetZeroPosition(offset, extra, act) {
      await motorOver(act.robot).resetZeroPosition({ ...request(extra), offset }, options(act));
    },
    async position(extra) {
      return (await watched.getPosition(request(extra))).position;
    },
    async reportsPosition(extra) {
      return (await watched.getProperties(request(extra))).positionReporting;
    },
    async power(extra) {
      const { isOn, powerPct } = await watched.isPowered(request(extra));
      return { isOn, fraction: powerPct };
    },
    async stop(extra) {
      await watched.stop(request(extra));
    },
    async isMoving() {
      return (await watched.isMoving({ name: there })).isMoving;
    },
    async doCommand(command, act) {
      const { result } = await motorOver(act.robot).doCommand(
        { name: there, command: toStruct(command) },
        options(act),
      );
      return result ?? {};
    },
    async close() {},
  };
}
