import { VigilError } from "@vigil/shared";
import type { Ask } from "./drive.js";
import { type AxisCommands, parseNumber } from "./protocol.js";

/** What a drive reports about one axis: sums of error bits. */
export interface OdriveFaults {
  readonly axis: number;
  readonly motor: number;
  readonly encoder: number;
  readonly controller: number;
}

/** Bits of `axis.error` that say nothing of the drive's health. */
const INVALID_STATE = 0x1;
export const WATCHDOG_EXPIRED = 0x800;

/**
 * Names of the bits, as the documentation of firmware 0.5 has them
 * (https://docs.odriverobotics.com/v/0.5.6/fibre_types/com_odriverobotics_ODrive.html).
 */
const NAMES: { readonly [Part in keyof OdriveFaults]: Readonly<Record<number, string>> } = {
  axis: {
    1: "INVALID_STATE",
    64: "MOTOR_FAILED",
    128: "SENSORLESS_ESTIMATOR_FAILED",
    256: "ENCODER_FAILED",
    512: "CONTROLLER_FAILED",
    2048: "WATCHDOG_TIMER_EXPIRED",
    4096: "MIN_ENDSTOP_PRESSED",
    8192: "MAX_ENDSTOP_PRESSED",
    16384: "ESTOP_REQUESTED",
    131072: "HOMING_WITHOUT_ENDSTOP",
    262144: "OVER_TEMP",
    524288: "UNKNOWN_POSITION",
  },
  motor: {
    1: "PHASE_RESISTANCE_OUT_OF_RANGE",
    2: "PHASE_INDUCTANCE_OUT_OF_RANGE",
    8: "DRV_FAULT",
    16: "CONTROL_DEADLINE_MISSED",
    128: "MODULATION_MAGNITUDE",
    1024: "CURRENT_SENSE_SATURATION",
    4096: "CURRENT_LIMIT_VIOLATION",
    65536: "MODULATION_IS_NAN",
    131072: "MOTOR_THERMISTOR_OVER_TEMP",
    262144: "FET_THERMISTOR_OVER_TEMP",
    524288: "TIMER_UPDATE_MISSED",
    1048576: "CURRENT_MEASUREMENT_UNAVAILABLE",
    2097152: "CONTROLLER_FAILED",
    4194304: "I_BUS_OUT_OF_RANGE",
    8388608: "BRAKE_RESISTOR_DISARMED",
    16777216: "SYSTEM_LEVEL",
    33554432: "BAD_TIMING",
    67108864: "UNKNOWN_PHASE_ESTIMATE",
    134217728: "UNKNOWN_PHASE_VEL",
    268435456: "UNKNOWN_TORQUE",
    536870912: "UNKNOWN_CURRENT_COMMAND",
  },
  encoder: {
    1: "UNSTABLE_GAIN",
    2: "CPR_POLEPAIRS_MISMATCH",
    4: "NO_RESPONSE",
    8: "UNSUPPORTED_ENCODER_MODE",
    16: "ILLEGAL_HALL_STATE",
    32: "INDEX_NOT_FOUND_YET",
    64: "ABS_SPI_TIMEOUT",
    128: "ABS_SPI_COM_FAIL",
    256: "ABS_SPI_NOT_READY",
    512: "HALL_NOT_CALIBRATED_YET",
  },
  controller: {
    1: "OVERSPEED",
    2: "INVALID_INPUT_MODE",
    4: "UNSTABLE_GAIN",
    8: "INVALID_MIRROR_AXIS",
    16: "INVALID_LOAD_ENCODER",
    32: "INVALID_ESTIMATE",
    64: "INVALID_CIRCULAR_RANGE",
    128: "SPINOUT_DETECTED",
  },
};

/** The firmware prints a number into ten bytes: what has nine digits may have had more. */
const CUT_AT = 100_000_000;

export async function readFaults(ask: Ask, commands: AxisCommands): Promise<OdriveFaults> {
  const read = (property: string) => ask(commands.read(property), parseNumber);
  return {
    axis: await read("error"),
    motor: await read("motor.error"),
    encoder: await read("encoder.error"),
    controller: await read("controller.error"),
  };
}

/** True when nothing but a watchdog that nobody fed, or a state refused earlier, is reported. */
export function isHealthy({ axis, motor, encoder, controller }: OdriveFaults): boolean {
  return (axis & ~(INVALID_STATE | WATCHDOG_EXPIRED)) === 0 && motor === 0 && encoder === 0 && controller === 0;
}

/** "axis MOTOR_FAILED (0x40), motor DRV_FAULT (0x8)"; empty when there is nothing. */
export function describeFaults(faults: OdriveFaults): string {
  const parts = (["axis", "motor", "encoder", "controller"] as const).filter((part) => faults[part] !== 0);
  return parts.map((part) => `${part} ${describe(faults[part], NAMES[part])}`).join(", ");
}

export function faultError(name: string, faults: OdriveFaults, doing: string): VigilError {
  const what = describeFaults(faults) || "it reports no error";
  const mend = 'mend the cause, then send DoCommand {"clear_errors": true}';
  return new VigilError("driver", `the drive of "${name}" ${doing}: ${what}; ${mend}`);
}

function describe(value: number, names: Readonly<Record<number, string>>): string {
  if (value >= CUT_AT && !Object.hasOwn(names, value)) return `${value} (cut to nine digits; see odrivetool)`;
  const known = Object.entries(names).filter(([bit]) => (value & Number(bit)) !== 0);
  return [...known.map(([, label]) => label), `(0x${value.toString(16)})`].join(" ");
}
