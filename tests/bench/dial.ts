import { type ClientKind, clientMissing, startClient } from "../rig/clients/index.js";
import { createNetwork, namespacesMissing } from "../rig/network.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { losePackets, packetLossMissing } from "./packet-loss.js";
import { type BenchOptions, countOf, type Figure, type Section, show, table } from "./section.js";
import { type Distribution, distributionOf } from "./statistics.js";

/** A process that has dialled so often begins anew: what its SDK keeps of former connections would grow. */
const DIALS_PER_PROCESS = 250;
const LOSS = 0.02;

interface Dials {
  readonly id: string;
  readonly name: string;
  readonly times: Distribution;
  readonly failures: readonly string[];
}

export const dial: Section = {
  name: "dial",
  title: "Dial and first call over WebRTC",
  isQuick: true,
  async measure(options) {
    const all: Dials[] = [];
    const notes: string[] = [];
    const robot = await startRobot();
    try {
      all.push(
        await measure(robot, "ts-webrtc", "Node", { id: "node", runs: countOf(options, 1000, 30), say: options.say }),
      );
      const noPage = clientMissing("page-webrtc");
      if (noPage) notes.push(noPage);
      else if (!options.quick) {
        const plan = { id: "chromium", runs: countOf(options, 200, 0), say: options.say };
        all.push(await measure(robot, "page-webrtc", "Chromium", plan));
      }
    } finally {
      await robot.stop();
    }
    if (!options.quick) await measureLossy(options, all, notes);
    return {
      figures: all.flatMap(figuresOf),
      failures: all.flatMap(({ name, failures }) =>
        failures.length > 0 ? [`${name}: ${failures.length} dials failed, the first one with: ${failures[0]}`] : [],
      ),
      details: details(all, notes),
    };
  },
};

async function measureLossy(options: BenchOptions, all: Dials[], notes: string[]): Promise<void> {
  const missing = namespacesMissing();
  if (missing) {
    notes.push(missing);
    return;
  }
  const network = createNetwork(["client"]);
  const namespace = network.namespaces.client!;
  try {
    const noLoss = packetLossMissing(namespace);
    if (noLoss) {
      notes.push(noLoss);
      return;
    }
    const robot = await startRobot({ network });
    const mend = losePackets(namespace, LOSS);
    try {
      const plan = { id: "lossy", runs: countOf(options, 200, 0), namespace, say: options.say };
      all.push(await measure(robot, "ts-webrtc", `Node, ${LOSS * 100} % of the packets lost each way`, plan));
    } finally {
      mend();
      await robot.stop();
    }
  } finally {
    network.remove();
  }
}

async function measure(
  robot: Robot,
  kind: ClientKind,
  name: string,
  plan: {
    readonly id: string;
    readonly runs: number;
    readonly namespace?: string;
    say(text: string): void;
  },
): Promise<Dials> {
  const times: number[] = [];
  const failures: string[] = [];
  while (times.length + failures.length < plan.runs) {
    const client = await startClient(robot, kind, undefined, plan.namespace);
    plan.say(`dials, ${name}: ${times.length + failures.length} of ${plan.runs}`);
    try {
      await client.disconnect();
      for (let dials = 0; dials < DIALS_PER_PROCESS && times.length + failures.length < plan.runs; dials++) {
        try {
          const dialMs = await client.redial();
          const [callMs] = await client.measure("main", 1, 1);
          times.push(dialMs + callMs!);
        } catch (error) {
          failures.push((error as Error).message);
          break;
        }
        await client.disconnect();
      }
    } finally {
      await client.close();
    }
  }
  return { id: plan.id, name, times: distributionOf([...times, ...failures.map(() => Infinity)]), failures };
}

/** The goals stand for a path without loss; with loss no dial may fail, however long it takes. */
function figuresOf({ id, name, times, failures }: Dials): Figure[] {
  const isLossy = id === "lossy";
  const common = { unit: "ms" as const, runs: times.runs, ...(id === "node" && { runsWanted: 1000 }) };
  return [
    {
      ...common,
      id: `dial/${id}/p50`,
      what: `dial and first call, ${name}: p50`,
      value: times.p50Ms,
      ...(!isLossy && { target: { most: 40 }, anchor: "29 ms" }),
    },
    {
      ...common,
      id: `dial/${id}/p99`,
      what: `dial and first call, ${name}: p99`,
      value: times.p99Ms,
      ...(!isLossy && { target: { most: 200 } }),
    },
    {
      ...common,
      id: `dial/${id}/failed`,
      what: `dial and first call, ${name}: failed`,
      value: failures.length,
      unit: "",
      target: { most: 0 },
    },
  ];
}

function details(all: readonly Dials[], notes: readonly string[]): string {
  return `Viam's TypeScript SDK dials and reads once, again and again in one process: signalling, ICE, DTLS, SCTP, IsMoving of
the base. The time is the client's own, from its call of the SDK to the answer.

${table(
  ["client", "dials", "p50, ms", "p99", "max", "failed"],
  all.map(({ name, times, failures }) => [
    name,
    String(times.runs),
    show(times.p50Ms),
    show(times.p99Ms),
    show(times.maxMs),
    String(failures.length),
  ]),
)}${notes.map((note) => `\n\n**Not measured:** ${note}`).join("")}`;
}
