import { setTimeout as sleep } from "node:timers/promises";
import { numbered, startBenchRobot } from "./bench-robot.js";
import { countOf, type Section, show, table } from "./section.js";
import { distributionOf } from "./statistics.js";
import { startSwarm, type TransferFigures } from "./swarm.js";

const BULK_BYTES = 8 * 2 ** 20;
const HZ = 10;
/** Many enough control messages alone to know their 99th percentile. */
const ALONE_MS = 15_000;
const QUICK_ALONE_MS = 3000;
/** Far longer than all transfers take. */
const UNTIL_STOPPED_MS = 3_600_000;

export const transfer: Section = {
  name: "transfer",
  title: "A control message beside a transfer of 8 MB",
  isQuick: true,
  async measure(options) {
    const robot = await startBenchRobot({ motors: numbered("motor", 1), generic: "echo" });
    const swarm = await startSwarm(robot.url, robot.windowMs);
    try {
      const { failures } = await swarm.open(1, 1, true);
      if (failures.length > 0) throw new Error(failures[0]);
      // Compilers and buffers warm up.
      await swarm.transfer("echo", BULK_BYTES);
      options.say("control messages alone");
      const alone = await swarm.command(["motor0"], HZ, options.quick ? QUICK_ALONE_MS : ALONE_MS);
      const transfers = countOf(options, 40, 3);
      options.say(`control messages beside ${transfers} transfers`);
      const beside = swarm.command(["motor0"], HZ, UNTIL_STOPPED_MS);
      const phases: TransferFigures[] = [];
      for (let run = 0; run < transfers; run++) {
        phases.push(await swarm.transfer("echo", BULK_BYTES));
        await sleep(Math.random() * (1000 / HZ));
      }
      await swarm.stopCommands();
      const commands = (await beside).times;
      const within = (from: "begunAt" | "answerBeganAt", to: "answerBeganAt" | "endedAt") =>
        distributionOf(
          commands
            // A message counts for what goes on when it is sent.
            .filter(({ at }) => phases.some((phase) => at >= phase[from] && at <= phase[to]))
            .map(({ ms }) => ms),
        );
      const quiet = distributionOf(alone.times.map(({ ms }) => ms));
      const down = within("answerBeganAt", "endedAt");
      const up = within("begunAt", "answerBeganAt");
      const seconds = distributionOf(phases.map(({ answerBeganAt, endedAt }) => endedAt - answerBeganAt));
      return {
        figures: [
          {
            id: "transfer/more-p99",
            what: "control message beside 8 MB to the client on the same connection: p99 more than alone",
            value: down.p99Ms - quiet.p99Ms,
            unit: "ms",
            runs: down.runs,
            target: { most: 10 },
          },
        ],
        failures: [],
        details: `One client (WebRTC, explicit session) sets the power of a motor ${HZ} times a second, and has a generic component send back
8 MB (DoCommand), on the same data channel; part linked over WebSocket. What the client itself has queued before its message on
its ordered channel, while it uploads the 8 MB, no server can shorten: that line is told beside.

${table(
  ["SetPower", "messages", "p50, ms", "p99", "max"],
  [
    ["alone", quiet],
    ["while 8 MB come down", down],
    ["while 8 MB go up", up],
  ].map(([name, times]) => {
    const { runs, p50Ms, p99Ms, maxMs } = times as typeof quiet;
    return [String(name), String(runs), show(p50Ms), show(p99Ms), show(maxMs)];
  }),
)}

8 MB come down in ${show(seconds.p50Ms)} ms (p50 of ${seconds.runs}).`,
      };
    } finally {
      await swarm.end();
      await robot.stop();
    }
  },
};
