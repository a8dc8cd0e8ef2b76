import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startRobot } from "../rig/robot.js";
import { type LatencyFigures, measureLatency } from "./latency.js";
import { LOSSES, type LossFigures, measureLoss } from "./losses.js";
import { describeMachine, formatPage, formatTables, hasFailed, type Report } from "./report.js";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    calls: { type: "string", default: "5000" },
    window: { type: "string", default: "2s" },
    only: { type: "string" },
    page: { type: "string" },
    json: { type: "string" },
  },
});

const machine = describeMachine();
const robot = await startRobot({ window: values.window });
try {
  const carriers = Object.fromEntries((await robot.snapshot()).parts.map(({ name, carrier }) => [name, carrier]));
  const losses: LossFigures[] = [];
  for (const loss of LOSSES) {
    if (values.only !== undefined && !loss.name.includes(values.only)) continue;
    losses.push(
      await measureLoss(robot, loss, Number(values.runs), (run) =>
        process.stderr.write(`${loss.name}: ${run + 1} of ${values.runs}\n`),
      ),
    );
  }
  const latencies: LatencyFigures[] = [];
  if (values.only === undefined) {
    for (const kind of ["ts-webrtc", "ts-grpc"] as const) {
      process.stderr.write(`latency, ${kind}\n`);
      latencies.push(...(await measureLatency(robot, kind, Number(values.calls))));
    }
  }
  const report: Report = { machine, windowMs: robot.windowMs, carriers, losses, latencies };
  const tables = formatTables(report);
  process.stdout.write(
    `${machine.processor}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load}; window ${robot.windowMs} ms; times in ms\n\n` +
      `${tables.losses}\n\n${tables.latencies}\n`,
  );
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.page) writeFileSync(values.page, formatPage(report));
  if (hasFailed(report)) {
    process.stderr.write("the bench fails: there was a run without a stop, or with motion after it\n");
    process.exitCode = 1;
  }
} finally {
  await robot.stop();
}
