import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchRobot, numbered, startBenchRobot } from "./bench-robot.js";
import { countOf, type Section, show, table } from "./section.js";
import { distributionOf } from "./statistics.js";
import { startSwarm } from "./swarm.js";

const HEALTHY = 20;
const DYING = 20;
const ROUNDS = 10;
const HZ = 10;
/** Clients of a round live together for this long, in ms, before the others die. */
const TOGETHER_MS = 1000;
/** After the window, in ms. */
const AFTERMATH_MS = 1500;
const LATEST_MS = 100;

export const healthyClient: Section = {
  name: "healthy-client",
  title: "Healthy clients beside dying ones and a Stop that hangs",
  isQuick: true,
  async measure(options) {
    const rounds = Math.max(1, countOf(options, ROUNDS, 1));
    const own = numbered("own", HEALTHY);
    const doomed = numbered("doomed", DYING);
    const robot = await startBenchRobot({
      motors: [...own, ...doomed, "hung"],
      attributes: { hung: { stop_hangs: true } },
      unready: true,
    });
    try {
      const before: number[] = [];
      const beside: number[] = [];
      const failures: string[] = [];
      let lost = 0;
      for (let round = 0; round < rounds; round++) {
        options.say(`round ${round + 1} of ${rounds}`);
        const outcome = await play(robot, own, doomed, round % 2 === 0);
        before.push(...outcome.before);
        beside.push(...outcome.beside);
        failures.push(...outcome.failures);
        lost += outcome.lost;
      }
      const answered = distributionOf(beside);
      const commands = before.length + beside.length + failures.length;
      const clients = rounds * HEALTHY;
      return {
        figures: [
          {
            id: "healthy/lost",
            what: `healthy clients beside ${DYING} dying ones and a hung Stop: sessions ended or suspended`,
            value: lost,
            unit: "",
            runs: clients,
            runsWanted: 200,
            target: { most: 0 },
          },
          {
            id: "healthy/failed",
            what: `healthy clients beside ${DYING} dying ones and a hung Stop: commands that failed`,
            value: failures.length,
            unit: "",
            runs: commands,
            target: { most: 0 },
          },
          {
            id: "healthy/max",
            what: `healthy clients beside ${DYING} dying ones and a hung Stop: latest answer to a command from the loss on`,
            value: answered.maxMs,
            unit: "ms",
            runs: answered.runs,
            target: { most: LATEST_MS },
          },
        ],
        failures: lost > 0 ? [`${lost} sessions of healthy clients were lost`] : [],
        details: `In each of ${rounds} rounds ${HEALTHY} healthy clients and ${DYING} others, all over WebRTC with explicit sessions on one part, command a motor
each, ${HZ} times a second the healthy ones. The others' process is killed in one round and frozen in the next. The Stop of
one more motor of the part hangs from the part's start on and is tried again and again. The healthy ones go on until
${AFTERMATH_MS} ms after the window. *Before the loss* their processes are a second old, the robot's too in the first round:
what compilers take then is told beside.

${table(
  ["commands", "answered", "p50, ms", "p99", "max"],
  [["before the loss", distributionOf(before)] as const, ["from the loss on", answered] as const].map(
    ([name, { runs, p50Ms, p99Ms, maxMs }]) => [name, String(runs), show(p50Ms), show(p99Ms), show(maxMs)],
  ),
)}${failures.length > 0 ? `\n\nThe first failure: ${failures[0]}` : ""}`,
      };
    } finally {
      await robot.stop();
    }
  },
};

async function play(
  robot: BenchRobot,
  own: readonly string[],
  doomed: readonly string[],
  killed: boolean,
): Promise<{ before: number[]; beside: number[]; failures: string[]; lost: number }> {
  const [healthy, dying] = await Promise.all([
    startSwarm(robot.url, robot.windowMs),
    startSwarm(robot.url, robot.windowMs),
  ]);
  try {
    const opened = await healthy.open(own.length, 4, true);
    const others = await dying.open(doomed.length, 4, true);
    const failed = [...opened.failures, ...others.failures];
    if (failed.length > 0) throw new Error(`a client could not dial: ${failed[0]}`);
    await dying.goFor(doomed, 10_000);
    const whole = TOGETHER_MS + robot.windowMs + AFTERMATH_MS;
    const commands = healthy.command(own, HZ, whole);
    await sleep(TOGETHER_MS);
    const lostAt = performance.timeOrigin + performance.now();
    dying.signal(killed ? "SIGKILL" : "SIGSTOP");
    const { times, failures } = await commands;
    const { sessions } = await robot.snapshot();
    const live = sessions.filter(({ suspended }) => !suspended);
    const lost = opened.sessions.filter((sid) => !live.some(({ id }) => sid.startsWith(id))).length;
    const suspended = (await robot.endsOf(opened.sessions)).length;
    const answered = (isBeside: boolean) => times.filter(({ at }) => at >= lostAt === isBeside).map(({ ms }) => ms);
    return { before: answered(false), beside: answered(true), failures, lost: Math.max(lost, suspended) };
  } finally {
    await Promise.all([healthy.end(), dying.end()]);
  }
}
