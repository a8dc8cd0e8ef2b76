import { parseDurationMs, VigilError } from "@vigil/shared";
import { readAttributes } from "../../attributes.js";
import type { Attributes } from "../../resource.js";
import type { AxisNumber } from "./protocol.js";

/** An axis as its attributes describe it. */
export interface OdriveSettings {
  readonly path: string;
  readonly baudRate: number;
  readonly axis: AxisNumber;
  readonly watchdogMs: number;
  readonly maxRpm: number;
}

const ATTRIBUTES = ["serial_path", "serial_baud_rate", "axis", "watchdog", "max_rpm"];
/** The firmware's own default. */
const DEFAULT_BAUD_RATE = 115_200;
const BAUD_RATE_BOUNDS = { min: 1200, max: 4_000_000 };
const DEFAULT_WATCHDOG = "500ms";
/** It is fed every 50 ms by a loop that may be late: less would stop a drive whose owner is alive. */
const MIN_WATCHDOG_MS = 150;
/** More would make a watchdog of no use. */
const MAX_WATCHDOG_MS = 10_000;
/** Full speed where the configuration names none: slow for any motor. */
const DEFAULT_MAX_RPM = 100;
const MAX_RPM_BOUNDS = { min: 0.1, max: 1_000_000 };

/** @throws VigilError("bad_request") that names the attribute and how to mend it. */
export function readOdriveSettings(name: string, attributes: Attributes): OdriveSettings {
  const unknown = Object.keys(attributes).find((key) => !ATTRIBUTES.includes(key));
  // A misspelt watchdog would leave another one than its owner believes.
  if (unknown !== undefined) {
    const shown = unknown.replace(/[^\x20-\x7e]/g, "?");
    throw new VigilError(
      "bad_request",
      `"${name}" has no attribute "${shown}": an odrive has ${ATTRIBUTES.join(", ")}`,
    );
  }
  const reader = readAttributes(name, attributes);
  const path = reader.text("serial_path");
  if (path === undefined) {
    const example = "/dev/serial/by-id/usb-ODrive_Robotics_...";
    throw new VigilError(
      "bad_request",
      `"${name}" needs the attribute "serial_path": its drive's port, such as ${example}`,
    );
  }
  return {
    path,
    baudRate: reader.integer("serial_baud_rate", DEFAULT_BAUD_RATE, BAUD_RATE_BOUNDS),
    axis: reader.integer("axis", 0, { min: 0, max: 1 }) as AxisNumber,
    watchdogMs: watchdogMs(name, reader.text("watchdog") ?? DEFAULT_WATCHDOG),
    maxRpm: reader.number("max_rpm", DEFAULT_MAX_RPM, MAX_RPM_BOUNDS),
  };
}

function watchdogMs(name: string, text: string): number {
  const complain = (why: string, cause?: unknown): never => {
    throw new VigilError("bad_request", `attribute "watchdog" of "${name}" ${why}`, { cause });
  };
  let ms = 0;
  try {
    ms = parseDurationMs(text);
  } catch (error) {
    complain('is no duration: write a number with a unit, such as "500ms"', error);
  }
  const fits = ms >= MIN_WATCHDOG_MS && ms <= MAX_WATCHDOG_MS;
  return fits ? ms : complain(`must be from ${MIN_WATCHDOG_MS}ms to ${MAX_WATCHDOG_MS / 1000}s`);
}
