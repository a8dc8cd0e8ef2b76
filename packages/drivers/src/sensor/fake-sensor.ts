import { readAttributes } from "../attributes.js";
import { FAKE_NAMES } from "../fake/names.js";
import type { BuildContext, Model } from "../resource.js";
import { noCommands } from "../unsupported.js";
import type { Sensor } from "./sensor.js";

const DEFAULT_MEAN_CELSIUS = 20;
const DEFAULT_SWING_CELSIUS = 5;
/** A whole swing a minute: slow enough to believe, fast enough to watch. */
const PERIOD_MS = 60_000;

/**
 * A thermometer whose temperature swings. Attributes: `mean_celsius`, `swing_celsius`. Readings: `temperature_celsius`
 * and `count`, how often it was read.
 */
export const fakeSensor: Model<Sensor> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeSensor };

function createFakeSensor({ name, attributes, clock }: BuildContext): Sensor {
  const read = readAttributes(name, attributes);
  const mean = read.number("mean_celsius", DEFAULT_MEAN_CELSIUS, { min: -273.15, max: 10_000 });
  const swing = read.number("swing_celsius", DEFAULT_SWING_CELSIUS, { min: 0, max: 10_000 });
  const startedAtMs = clock.now();
  let count = 0;
  return {
    name,
    drives: [],
    async readings() {
      count += 1;
      const phase = ((clock.now() - startedAtMs) / PERIOD_MS) * 2 * Math.PI;
      return { temperature_celsius: mean + swing * Math.sin(phase), count };
    },
    doCommand: noCommands(name),
    async close() {},
  };
}
