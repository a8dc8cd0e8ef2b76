import { setTimeout as sleep } from "node:timers/promises";
import { createNetwork, namespacesMissing } from "../rig/network.js";
import { numbered, startBenchRobot } from "./bench-robot.js";
import { losePackets, packetLossMissing } from "./packet-loss.js";
import { countOf, type Figure, type Section, show, table } from "./section.js";
import { distributionOf } from "./statistics.js";
import { startSwarm } from "./swarm.js";

const CLIENTS = 30;
const HZ = 10;
const LOSS = 0.1;
const WATCH_MS = 150_000;

export const lossSuspensions: Section = {
  name: "loss-suspensions",
  title: "Live sessions at 10 % packet loss",
  isQuick: false,
  async measure(options) {
    const missing = namespacesMissing();
    if (missing) return { figures: [], failures: [missing], details: missing };
    const network = createNetwork(["clients"]);
    const namespace = network.namespaces.clients!;
    try {
      const noLoss = packetLossMissing(namespace);
      if (noLoss) return { figures: [], failures: [noLoss], details: noLoss };
      const motors = numbered("motor", CLIENTS);
      const robot = await startBenchRobot({ motors, address: network.address });
      const swarm = await startSwarm(robot.url, robot.windowMs, namespace);
      try {
        const { failures, sessions } = await swarm.open(CLIENTS, 4, true);
        if (failures.length > 0) throw new Error(`${failures.length} clients could not dial: ${failures[0]}`);
        const before = await robot.metrics();
        const mend = losePackets(namespace, LOSS);
        const watchMs = countOf(options, WATCH_MS, 0);
        options.say(`${CLIENTS} clients for ${Math.round(watchMs / 1000)} s at ${LOSS * 100} % loss`);
        const commands = await swarm.command(motors, HZ, watchMs);
        const after = await robot.metrics();
        mend();
        await sleep(robot.windowMs);
        const alive = (await robot.snapshot()).sessions.filter(({ id }) => sessions.some((sid) => sid.startsWith(id)));
        const grown = (name: string, labels: Record<string, string> = {}) =>
          after.sum(name, labels) - before.sum(name, labels);
        const hours = (CLIENTS * watchMs) / 3_600_000;
        const suspended = grown("vigil_sessions_suspended_total");
        const bySilence = grown("vigil_sessions_suspended_total", { by: "gateway", cause: "silent" });
        const ended = Math.max(grown("vigil_sessions_ended_total"), CLIENTS - alive.length);
        const figures: Figure[] = [
          {
            id: "loss/suspended",
            what: "live sessions at 10 % loss each way: suspensions an hour of one client",
            value: suspended / hours,
            unit: "/h",
            runs: CLIENTS,
            target: { most: 1 },
          },
          {
            id: "loss/ended",
            what: "live sessions at 10 % loss each way: ended",
            value: ended,
            unit: "",
            runs: CLIENTS,
            target: { most: 0 },
          },
        ];
        const answered = distributionOf(commands.times.map(({ ms }) => ms));
        return {
          figures,
          failures: ended > 0 ? [`${ended} of ${CLIENTS} live sessions ended`] : [],
          details: `${CLIENTS} clients over WebRTC, each with an explicit session at a window of 2 s and a motor that it commands ${HZ} times a second,
in a network that loses each packet with a probability of ${LOSS * 100} %, either way, independently (iptables). Watched for ${Math.round(watchMs / 1000)} s:
${show(hours)} hours of one client.

${table(
  [
    "clients",
    "client-hours",
    "suspended",
    "of these for silence",
    "ended",
    "commands answered",
    "p50, ms",
    "p99",
    "max",
  ],
  [
    [
      String(CLIENTS),
      show(hours),
      String(suspended),
      String(bySilence),
      String(ended),
      String(answered.runs),
      show(answered.p50Ms),
      show(answered.p99Ms),
      show(answered.maxMs),
    ],
  ],
)}

A lost packet holds up what comes after it on the ordered channel for a second or more: commands then arrive in a bunch, and
of those the newest counts (${commands.failures.length} were superseded or refused).`,
        };
      } finally {
        await swarm.end();
        await robot.stop();
      }
    } finally {
      network.remove();
    }
  },
};
