import { LIMIT_MS, MOTORS, measureStops, STOP_DELAY_MS } from "../stopping/bench.js";
import { countOf, type Section, show, table } from "./section.js";
import { distributionOf } from "./statistics.js";

export const stops: Section = {
  name: "stops",
  title: `${MOTORS} motors whose Stop takes ${STOP_DELAY_MS} ms`,
  isQuick: true,
  async measure(options) {
    const times = distributionOf(await measureStops(countOf(options, 100, 5)));
    return {
      figures: [
        {
          id: "stops/spread-max",
          what: `${MOTORS} motors whose Stop takes ${STOP_DELAY_MS} ms: from the first to the last one commanded, max`,
          value: times.maxMs,
          unit: "ms",
          runs: times.runs,
          target: { most: LIMIT_MS },
          anchor: "2928 ms",
        },
      ],
      failures: [],
      details: `A client moves all motors of one part, an operator revokes its session: from the first motor's Stop command to the last one's, as
the simulated devices see them.

${table(
  ["runs", "p50, ms", "p99", "max"],
  [[String(times.runs), show(times.p50Ms), show(times.p99Ms), show(times.maxMs)]],
)}`,
    };
  },
};
