import { type ByteWrite, VigilError } from "@vigil/shared";
import type { Attributes, BuildContext, Model } from "../../resource.js";
import { nonZero, within } from "../../values.js";
import type { Motor } from "../motor.js";
import { createOdriveAxis, STILL_TURNS_PER_SECOND } from "./axis.js";
import { createDriveSet, type DriveSet } from "./drive.js";
import { describeFaults } from "./faults.js";
import { emergencyLines } from "./protocol.js";
import { readOdriveSettings } from "./settings.js";

const SECONDS_PER_MINUTE = 60;

/**
 * One axis of an ODrive v3 with firmware 0.5, over its ASCII protocol (docs/odrive.md). Attributes: `serial_path`,
 * `serial_baud_rate`, `axis`, `watchdog`, `max_rpm`; nothing else.
 */
export const odriveMotor: Model<Motor> = createOdriveModel();

function createOdriveModel(): Model<Motor> {
  // Two axes are two resources on one port.
  const drives = createDriveSet();
  return {
    names: ["odrive", "rdk:builtin:odrive"],
    dependencies: () => [],
    build: (context) => createOdriveMotor(context, drives),
  };
}

function createOdriveMotor(context: BuildContext, drives: DriveSet): Motor {
  const { name, clock } = context;
  const settings = readOdriveSettings(name, context.attributes);
  const { maxRpm, path, baudRate } = settings;
  const axis = createOdriveAxis(clock, name, drives.get(clock, settings), settings);
  /** The drive's position where ours is zero. */
  let zeroTurns = 0;

  const checkRpm = (rpm: number) => within(rpm, `the speed of "${name}"`, -maxRpm, maxRpm, "rpm (max_rpm)");
  const position = async () => (await axis.feedback()).turns - zeroTurns;
  const emergencyStop: readonly ByteWrite[] = [
    { path, hex: Buffer.from(emergencyLines(settings.axis), "latin1").toString("hex"), baudRate },
  ];

  return {
    name,
    drives: [],
    async setPower(fraction, _extra, act) {
      within(fraction, `the power of "${name}"`, -1, 1, "");
      await axis.run((fraction * maxRpm) / SECONDS_PER_MINUTE, act);
    },
    async setRpm(rpm, _extra, act) {
      await axis.run(checkRpm(rpm) / SECONDS_PER_MINUTE, act);
    },
    async goFor(rpm, revolutions, _extra, act) {
      nonZero(checkRpm(rpm), `the speed of "${name}"`);
      nonZero(revolutions, `the number of revolutions for "${name}"`);
      const turns = revolutions * Math.sign(rpm);
      await axis.goTo((present) => present + turns, Math.abs(rpm) / SECONDS_PER_MINUTE, act);
    },
    async goTo(rpm, positionRevolutions, _extra, act) {
      nonZero(checkRpm(rpm), `the speed of "${name}"`);
      await axis.goTo(() => positionRevolutions + zeroTurns, Math.abs(rpm) / SECONDS_PER_MINUTE, act);
    },
    async resetZeroPosition(offsetRevolutions, _extra, act) {
      const { turns } = await axis.feedback();
      act.write(() => {
        zeroTurns = turns + offsetRevolutions;
      });
    },
    position,
    reportsPosition: async () => true,
    async power() {
      const isOn = await axis.isPowered();
      const { turnsPerSecond } = await axis.feedback();
      if (!isOn || Math.abs(turnsPerSecond) <= STILL_TURNS_PER_SECOND) return { isOn, fraction: 0 };
      return { isOn, fraction: Math.max(-1, Math.min(1, (turnsPerSecond * SECONDS_PER_MINUTE) / maxRpm)) };
    },
    stop: () => axis.stop(),
    isMoving: () => axis.isMoving(),
    beginRamp: (act) => axis.beginRamp(act),
    feed: (validForMs) => axis.feed(validForMs),
    emergencyStop: () => emergencyStop,
    async status() {
      return {
        is_powered: await axis.isPowered(),
        position: await position(),
        is_moving: await axis.isMoving(),
        errors: describeFaults(await axis.faults()),
      };
    },
    async doCommand(command: Attributes, act) {
      if (command.clear_errors !== true) {
        throw new VigilError("bad_request", 'an odrive knows one command: send {"clear_errors": true}');
      }
      return { errors: describeFaults(await axis.clearErrors(act)) };
    },
    close: async () => axis.close(),
  };
}
