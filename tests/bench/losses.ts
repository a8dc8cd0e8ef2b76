import { spawnSync } from "node:child_process";
import { createNetwork, type Network, namespacesMissing } from "../rig/network.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { type LossKind, loseMany, type Outcome } from "./lose-once.js";
import { cableOut, GROUPS, type Group, type Planned, SIGKILL_WEBRTC } from "./loss-plan.js";
import { type BenchOptions, countOf, type Figure, type Section, type SectionResult, show, table } from "./section.js";
import { type Distribution, distributionOf } from "./statistics.js";

/** Rigs side by side. Four of them, at rest, take a quarter of two cores, which a silent loss does not notice. */
const LANES = 4;
/** Where milliseconds after the loss count, or a new process starts after each one, there are fewer. */
const PROMPT_LANES = 2;
const QUICK_LANES = 2;

export interface Measured extends Summary {
  /** For the ids of its figures. */
  readonly group: string;
  readonly planned: Pick<Planned, "from" | "wanted" | "p99Ms" | "maxMs" | "anchor">;
  readonly name: string;
  /** That were to be measured. */
  readonly runs: number;
}

interface Summary {
  readonly fromLoss: Distribution;
  readonly fromSign: Distribution;
  readonly skew: Distribution;
  readonly failed: number;
  readonly spoiled: number;
  readonly actsAfter: number;
  /** Share of the parts that had acted before the gateway told them anything, in %. */
  readonly aheadShare: number;
}

export const losses: Section = {
  name: "losses",
  title: "From the loss of a client to the last stop",
  isQuick: true,
  async measure(options) {
    const noNetwork = namespacesMissing();
    const measured: Measured[] = [];
    const carriers = new Set<string>();
    const failures: string[] = [];
    for (const group of GROUPS) {
      const planned = group.losses.filter(
        ({ loss, full, quickly }) => countOf(options, full, quickly) > 0 && !(loss === "cable" && noNetwork),
      );
      if (planned.length === 0) continue;
      await measureGroup(group, planned, noNetwork, options, carriers).then(
        (more) => measured.push(...more),
        (error: Error) => failures.push(`window ${group.window}: ${error.message.split("\n")[0]}`),
      );
    }
    const result = resultOf(measured, noNetwork, carriers);
    return { ...result, failures: [...result.failures, ...failures] };
  },
};

async function measureGroup(
  group: Group,
  planned: readonly Planned[],
  noNetwork: string | undefined,
  options: BenchOptions,
  carriers: Set<string>,
): Promise<Measured[]> {
  const count = options.quick ? QUICK_LANES : LANES;
  const names = Array.from({ length: count }, (_, index) => `client${index}`);
  const network = noNetwork === undefined ? createNetwork(names) : undefined;
  for (const namespace of Object.values(network?.namespaces ?? {})) rest(namespace);
  const robots: Robot[] = [];
  try {
    for (let lane = 0; lane < count; lane++) robots.push(await startAtLast(group, network));
    for (const { name, carrier } of (await robots[0]!.snapshot()).parts) carriers.add(`\`${name}\`: ${carrier}`);
    const lanes = robots.map((robot, lane) => ({ robot, namespace: network?.namespaces[names[lane]!] }));
    const cable = cableOut((robot) => {
      const name = names[robots.indexOf(robot)]!;
      return { cut: () => network!.cut(name), mend: () => network!.mend(name) };
    });
    const measured: Measured[] = [];
    options.say(`${count} robots with a window of ${group.window} are ready`);
    for (const plan of planned) {
      const loss = plan.loss === "cable" ? cable : plan.loss;
      const name = `${loss.name}, window ${group.window}${group.knock || !isKnockable(loss) ? "" : ", no knock"}`;
      const runs = countOf(options, plan.full, plan.quickly);
      const outcomes = await loseMany(
        lanes.slice(0, plan.from === "loss" || !loss.revive ? PROMPT_LANES : LANES),
        loss,
        runs,
        (run) => {
          if (run % 20 === 1 || run === runs) options.say(`${name}: ${run} of ${runs}`);
        },
      );
      measured.push({ group: group.id, planned: plan, name, runs, ...summarize(outcomes) });
    }
    return measured;
  } finally {
    await Promise.all(robots.map((robot) => robot.stop()));
    network?.remove();
  }
}

/** On a busy machine a robot may take longer than its patience to be ready: once more, then. */
function startAtLast(group: Group, network: Network | undefined): Promise<Robot> {
  const options = robotOptions(group, network);
  return startRobot(options).catch(() => startRobot(options));
}

export function summarize(outcomes: readonly Outcome[]): Summary {
  return {
    fromLoss: distributionOf(outcomes.map(({ fromLossMs }) => fromLossMs)),
    fromSign: distributionOf(outcomes.map(({ fromSignMs }) => fromSignMs)),
    skew: distributionOf(outcomes.map(({ skewMs }) => skewMs)),
    failed: outcomes.filter(({ failed }) => failed).length,
    spoiled: outcomes.reduce((sum, { spoiled }) => sum + spoiled, 0),
    actsAfter: outcomes.reduce((sum, { actsAfterStop }) => sum + actsAfterStop, 0),
    aheadShare: (outcomes.reduce((sum, { partsAhead }) => sum + partsAhead, 0) / (2 * outcomes.length)) * 100,
  };
}

/**
 * A kernel that refuses packets to a dead port answers six times and then once a second (icmp(7), icmp_ratelimit): the
 * knock is told of one death by a kernel that has rested, and here one kernel sees a death every few seconds.
 */
function rest(namespace: string): void {
  spawnSync("ip", ["netns", "exec", namespace, "sysctl", "-q", "-w", "net.ipv4.icmp_ratelimit=0"]);
}

/** Only a dead process on WebRTC can be knocked at: elsewhere the switch says nothing. */
const isKnockable = (loss: LossKind) => loss === SIGKILL_WEBRTC;

const robotOptions = (group: Group, network: Network | undefined) => ({
  window: group.window,
  ...(network && { network }),
  // As on a robot: the main part beside the gateway, the other one on a computer of its own.
  carriers: { main: "websocket", arm: "webrtc" } as const,
  gateway: {
    webrtc: { ...(network && { host_addresses: [network.address] }), knock: group.knock },
  },
});

export function resultOf(
  measured: readonly Measured[],
  noNetwork: string | undefined,
  carriers: ReadonlySet<string>,
): SectionResult {
  const figures = measured.flatMap(figuresOf);
  const acts = measured.reduce((sum, { actsAfter }) => sum + actsAfter, 0);
  const runs = measured.reduce((sum, { fromLoss }) => sum + fromLoss.runs, 0);
  figures.push({
    id: "losses/acts-after-stop",
    what: "commands of a running motion that reach a device after its stop, all losses together",
    value: acts,
    unit: "",
    runs,
    target: { most: 0 },
    anchor: "161",
  });
  return {
    figures,
    failures: measured.flatMap(({ name, failed, runs: wanted, fromLoss }) => [
      ...(failed > 0 ? [`${name}: ${failed} runs without a stop, or with motion after it`] : []),
      ...(fromLoss.runs < wanted ? [`${name}: only ${fromLoss.runs} of ${wanted} runs came about`] : []),
    ]),
    details: details(measured, noNetwork, carriers),
  };
}

function figuresOf({ group, planned, name, fromLoss, fromSign }: Measured): Figure[] {
  const from = planned.from === "loss" ? fromLoss : fromSign;
  const words = planned.from === "loss" ? "from the loss" : "from the last sign of life";
  const id = `losses/${group}/${name}`;
  const common = { unit: "ms" as const, runs: from.runs, runsWanted: planned.wanted };
  const figures: Figure[] = [
    {
      ...common,
      id: `${id}/p99`,
      what: `${name}: ${words} to the last stop, p99`,
      value: from.p99Ms,
      ...(planned.p99Ms !== undefined && { target: { most: planned.p99Ms } }),
      ...(planned.anchor !== undefined && { anchor: planned.anchor }),
    },
  ];
  if (planned.maxMs !== undefined) {
    figures.push({
      ...common,
      id: `${id}/max`,
      what: `${name}: ${words} to the last stop, max`,
      value: from.maxMs,
      target: { most: planned.maxMs },
    });
  }
  return figures;
}

function details(measured: readonly Measured[], noNetwork: string | undefined, carriers: ReadonlySet<string>): string {
  const columns = ({ p50Ms, p99Ms, maxMs }: Distribution) => [show(p50Ms), show(p99Ms), show(maxMs)];
  return `A client with an explicit session drives the base (part \`main\`) and moves the arm (part \`arm\`), both with motions that
run for minutes. Links: ${[...carriers].join(", ")}. It is lost at an instant uniform over its beat, a fifth of the window.
Clients over WebRTC are Viam's TypeScript SDK in Node, each in a process${noNetwork ? "" : " and, behind a bridge, in a network"} of its own; on
direct gRPC, which SIGKILL wants anew for each run, a program of HTTP/2 alone. Robots are measured side by side (in a whole
run ${LANES}, ${PROMPT_LANES} where milliseconds after the loss count or a new process starts after each one), each with all its processes:
what they take from each other is in the figures. While one client is being lost, the next one of its robot may start. Times in ms, on one CLOCK_MONOTONIC:

- *From the loss*: from the instant before the signal or call to the last of the three simulated devices' receipt of its stop.
- *From the last sign of life*: from the sending of the last challenge that the client answered (the gateway's timeline has
  it, to the millisecond below) to the same receipt.
- *Skew*: between the first and the last device.
- *Ahead*: parts that had fenced the session by their own deadline before the gateway told them anything. Where the gateway
  is stopped with the client nobody tells them: that line is P1 without pushes.
- A run in which a device gets no stop, or a command after it, is infinite, and the bench fails.
- *Spoiled*: stopped before the loss, by a false lapse or a busy machine; such a run measures nothing and is repeated.

A killed process frees its UDP port and the kernel refuses what comes to it: the gateway's knock hears that. A kernel refuses
six packets and then one a second; as a client dies here every few seconds that limit is lifted, so that each death meets a
rested kernel. A stopped process keeps its port, and a cut cable answers nothing: there only the window helps, with or without
the knock. At the window of 300 ms the knock is off (\`webrtc.knock: false\`).${noNetwork ? `\n\n**The cut cable was not measured:** ${noNetwork}` : ""}

${table(
  [
    "how the client is lost",
    "runs",
    "from the loss: p50",
    "p99",
    "max",
    "from the last sign of life: p50",
    "p99",
    "max",
    "skew: p99",
    "max",
    "ahead",
    "failed",
    "spoiled",
  ],
  measured.map(({ name, fromLoss, fromSign, skew, aheadShare, failed, spoiled }) => [
    name,
    String(fromLoss.runs),
    ...columns(fromLoss),
    ...columns(fromSign),
    show(skew.p99Ms),
    show(skew.maxMs),
    `${show(Math.round(aheadShare))} %`,
    String(failed),
    String(spoiled),
  ]),
)}`;
}
