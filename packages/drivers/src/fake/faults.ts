import { readAttributes } from "../attributes.js";
import type { BuildContext } from "../resource.js";

/** Longest delay that a fault may be given: an hour outlasts every test. */
const MAX_DELAY_MS = 3_600_000;
const MAX_FAILURES = 1_000_000;

/** What goes wrong with a simulated device on purpose, so that tests can see the guard deal with it. */
export interface Faults {
  /** A stop takes this long until the device stands still (`stop_delay_ms`). */
  readonly stopDelayMs: number;
  /** This many stops fail before one works (`stop_fails`). */
  readonly stopFails: number;
  /** No stop ever returns or has an effect (`stop_hangs`). */
  readonly stopHangs: boolean;
  /** Long operations ignore their abort and refused writes, and go on trying to the end (`ignore_abort`). */
  readonly ignoreAbort: boolean;
  /** A slow bus: a command acts, and its call settles, this long after its write; stops overtake it (`bus_delay_ms`). */
  readonly busDelayMs: number;
}

export function readFaults({ name, attributes }: Pick<BuildContext, "name" | "attributes">): Faults {
  const read = readAttributes(name, attributes);
  const delay = { min: 0, max: MAX_DELAY_MS };
  return {
    stopDelayMs: read.number("stop_delay_ms", 0, delay),
    stopFails: read.integer("stop_fails", 0, { min: 0, max: MAX_FAILURES }),
    stopHangs: read.flag("stop_hangs"),
    ignoreAbort: read.flag("ignore_abort"),
    busDelayMs: read.number("bus_delay_ms", 0, delay),
  };
}
