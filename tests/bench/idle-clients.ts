import { setTimeout as sleep } from "node:timers/promises";
import { startBenchRobot } from "./bench-robot.js";
import { loopLagMs } from "./gateway-lag.js";
import { cpuMicrosOf, residentMbOf } from "./processes.js";
import { countOf, type Section, show, table } from "./section.js";
import { startSwarm } from "./swarm.js";

const CLIENTS = 500;
const SWARMS = 2;
const DIALS_AT_ONCE = 2;
/** Several times what a gateway takes that is not slowed down by the clients it has already. */
const DIAL_LIMIT_MS = 90_000;
/** Beats and challenges of all have mixed by then. */
const SETTLE_MS = 5000;
const WATCH_MS = 30_000;

export const idleClients: Section = {
  name: "idle-clients",
  title: "500 idle clients",
  isQuick: false,
  async measure(options) {
    const count = Math.max(SWARMS, countOf(options, CLIENTS, CLIENTS));
    const robot = await startBenchRobot({ motors: ["motor"] });
    const swarms = await Promise.all(Array.from({ length: SWARMS }, () => startSwarm(robot.url, robot.windowMs)));
    try {
      const { pid } = robot.gateway;
      const emptyMb = residentMbOf(pid);
      options.say(`dialling ${count} clients`);
      const opened = await Promise.all(
        swarms.map((swarm) => swarm.open(Math.round(count / SWARMS), DIALS_AT_ONCE, true, DIAL_LIMIT_MS)),
      );
      const failures = opened.flatMap((dials) => dials.failures);
      const open = opened.flatMap(({ sessions }) => sessions).length;
      await sleep(SETTLE_MS);
      options.say(`watching ${open} clients`);
      const before = await robot.metrics();
      const [cpu, agentCpu, at] = [cpuMicrosOf(pid), cpuMicrosOf(robot.part.pid), performance.now()];
      await sleep(WATCH_MS);
      const wallMicros = (performance.now() - at) * 1000;
      const gatewayShare = ((cpuMicrosOf(pid) - cpu) / wallMicros) * 100;
      const agentShare = ((cpuMicrosOf(robot.part.pid) - agentCpu) / wallMicros) * 100;
      const after = await robot.metrics();
      const lost = ["vigil_sessions_ended_total", "vigil_sessions_suspended_total"].map(
        (name) => after.sum(name) - before.sum(name),
      );
      const lagMs = loopLagMs(before, after, 0.99);
      const memoryMb = residentMbOf(pid) - emptyMb;
      const common = { runs: open };
      return {
        figures: [
          {
            ...common,
            id: "idle/clients",
            what: `${count} idle clients with sessions: that could dial within ${DIAL_LIMIT_MS / 1000} s`,
            value: open,
            unit: "",
            target: { least: count },
          },
          {
            ...common,
            id: "idle/lag-p99",
            what: "500 idle clients with sessions: lag of the gateway's event loop, p99 (limit of its bucket)",
            value: lagMs,
            unit: "ms",
            target: { most: 20 },
          },
          {
            ...common,
            id: "idle/cpu",
            what: "500 idle clients with sessions: CPU of the gateway, share of one core",
            value: gatewayShare,
            unit: "%",
          },
          {
            ...common,
            id: "idle/memory",
            what: "500 idle clients with sessions: memory that the gateway takes for them",
            value: memoryMb,
            unit: "MB",
          },
          {
            ...common,
            id: "idle/lost",
            what: "500 idle clients with sessions: sessions ended or suspended",
            value: lost[0]! + lost[1]!,
            unit: "",
            target: { most: 0 },
          },
        ],
        failures: [],
        details: `${open} clients over WebRTC, each with an explicit session and its heartbeats five a window (2 s), challenged ten times a
window, otherwise idle, watched for ${WATCH_MS / 1000} s.${failures.length > 0 ? ` ${failures.length} dials failed, the first one with "${failures[0]}".` : ""} They live in ${SWARMS} processes on the same machine, which they keep busy too.

${table(
  [
    "clients",
    "lag p50, ms",
    "p99",
    "max",
    "CPU of the gateway",
    "of the agent",
    "memory for them, MB",
    "ended",
    "suspended",
  ],
  [
    [
      String(open),
      `≤ ${show(loopLagMs(before, after, 0.5))}`,
      `≤ ${show(lagMs)}`,
      `≤ ${show(loopLagMs(before, after, 1))}`,
      `${show(gatewayShare)} %`,
      `${show(agentShare)} %`,
      show(memoryMb),
      String(lost[0]),
      String(lost[1]),
    ],
  ],
)}`,
      };
    } finally {
      await Promise.all(swarms.map((swarm) => swarm.end()));
      await robot.stop();
    }
  },
};
