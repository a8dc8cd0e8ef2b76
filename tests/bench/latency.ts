import { type ClientKind, withClient } from "../rig/clients/index.js";
import { type Robot, startRobot } from "../rig/robot.js";
import { cpuMicrosOf } from "./processes.js";
import { type BenchOptions, countOf, type Figure, type Section, show, table } from "./section.js";
import { type Distribution, distributionOf } from "./statistics.js";

/** Not measured: connections, compilers and caches warm up. */
const WARM_UP_CALLS = 1000;

/** On a busy machine an agent may be ended by its sentinel in the middle: such a run is begun again, so often. */
const ATTEMPTS = 3;

type PartOf = "main" | "arm";
type Carrier = "websocket" | "webrtc";

interface Read {
  readonly kind: ClientKind;
  readonly part: PartOf;
  readonly carrier: Carrier;
  readonly inFlight: number;
  readonly times: Distribution;
  readonly callsPerSecond: number;
  readonly gatewayMicros: number;
  readonly agentMicros: number;
  readonly clientMicros: number;
}

type Measure = "p50" | "p99" | "rate" | "cpu";

/** What a measured viam-server did on the same kind of machine, and what is asked of Vigil. */
interface Mark {
  readonly anchor: string;
  readonly most?: number;
  readonly least?: number;
}

/** By client, part, carrier (where it matters) and calls in flight; "p50", "p99", "rate", "cpu". */
const MARKS: Readonly<Record<string, Readonly<Partial<Record<Measure, Mark>>>>> = {
  "ts-webrtc main websocket 1": {
    p50: { anchor: "0.93 ms", most: 0.93 },
    p99: { anchor: "2.8 ms" },
    cpu: { anchor: "627 µs", most: 627 },
  },
  "ts-webrtc main websocket 64": { rate: { anchor: "1913/s", least: 3826 }, cpu: { anchor: "419 µs", most: 419 } },
  "ts-webrtc arm websocket 1": { p50: { anchor: "3.04 ms", most: 1.2 }, cpu: { anchor: "1727 + 907 µs", most: 2634 } },
  "ts-webrtc arm websocket 64": {
    rate: { anchor: "1377/s", least: 2754 },
    cpu: { anchor: "551 + 331 µs", most: 882 },
  },
  "ts-webrtc arm webrtc 1": { p50: { anchor: "3.04 ms", most: 2 }, cpu: { anchor: "1727 + 907 µs", most: 2634 } },
  "ts-webrtc arm webrtc 64": { rate: { anchor: "1377/s", least: 2754 }, cpu: { anchor: "551 + 331 µs", most: 882 } },
  "ts-grpc main websocket 1": { p50: { anchor: "1.42 ms", most: 0.93 }, cpu: { anchor: "922 µs", most: 922 } },
  "ts-grpc main websocket 64": { rate: { anchor: "1289/s", least: 2578 }, cpu: { anchor: "393 µs", most: 393 } },
  "ts-grpc arm websocket 1": { p50: { anchor: "2.48 ms", most: 1.2 }, cpu: { anchor: "1459 + 766 µs", most: 2225 } },
  "ts-grpc arm websocket 64": { rate: { anchor: "986/s", least: 1972 } },
  "ts-grpc arm webrtc 1": { p50: { anchor: "2.48 ms", most: 2 }, cpu: { anchor: "1459 + 766 µs", most: 2225 } },
  "ts-grpc arm webrtc 64": { rate: { anchor: "986/s", least: 1972 } },
};

export const latency: Section = {
  name: "latency",
  title: "A read through gateway and part",
  isQuick: true,
  async measure(options) {
    const reads: Read[] = [];
    const failures: string[] = [];
    for (const carrier of ["websocket", "webrtc"] as const) {
      if (options.quick && carrier === "webrtc") continue;
      const robot = await startRobot({ carriers: { main: "websocket", arm: carrier } });
      try {
        for (const kind of ["ts-webrtc", "ts-grpc"] as const) {
          for (const part of carrier === "websocket" ? (["main", "arm"] as const) : (["arm"] as const)) {
            options.say(`reads, ${kind}, ${part} over ${carrier}`);
            await measureAgain(robot, kind, part, carrier, options).then(
              (more) => reads.push(...more),
              (error: Error) => failures.push(`${kind}, ${part} over ${carrier}: ${error.message.split("\n")[0]}`),
            );
          }
        }
      } finally {
        await robot.stop();
      }
    }
    return { figures: reads.flatMap(figuresOf), failures, details: details(reads) };
  },
};

async function measureAgain(...run: Parameters<typeof measure>): Promise<Read[]> {
  const [robot, , , , { say }] = run;
  for (let attempt = 1; ; attempt++) {
    try {
      return await measure(...run);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      say(`again: ${(error as Error).message.split("\n")[0]}`);
      await robot.ready();
    }
  }
}

async function measure(
  robot: Robot,
  kind: ClientKind,
  part: PartOf,
  carrier: Carrier,
  options: BenchOptions,
): Promise<Read[]> {
  return withClient(robot, kind, async (client) => {
    const reads: Read[] = [];
    const agent = part === "main" ? robot.main : robot.arm;
    for (const inFlight of [1, 64]) {
      const calls = inFlight === 1 ? countOf(options, 5000, 1500) : countOf(options, 15_000, 3000);
      await client.measure(part, WARM_UP_CALLS, inFlight);
      const pids = [robot.gateway.pid, agent.process.pid, client.pid];
      const before = pids.map(cpuMicrosOf);
      const times = await client.measure(part, calls, inFlight);
      const [gatewayMicros, agentMicros, clientMicros] = pids.map(
        (pid, index) => (cpuMicrosOf(pid) - before[index]!) / times.length,
      ) as [number, number, number];
      const totalMs = times.reduce((sum, time) => sum + time, 0) / inFlight;
      reads.push({
        kind,
        part,
        carrier,
        inFlight,
        times: distributionOf(times),
        callsPerSecond: (times.length / totalMs) * 1000,
        gatewayMicros,
        agentMicros,
        clientMicros,
      });
    }
    return reads;
  });
}

function figuresOf({ kind, part, carrier, inFlight, ...read }: Read): Figure[] {
  const key = `${kind} ${part} ${carrier} ${inFlight}`;
  const marks = MARKS[key] ?? {};
  const words = `read, ${kind}, ${part === "main" ? "main part" : `other part over ${carrier}`}, ${inFlight} in flight`;
  const figure = (what: Measure, label: string, value: number, unit: Figure["unit"]): Figure => {
    const mark = marks[what];
    return {
      id: `latency/${key}/${what}`,
      what: `${words}: ${label}`,
      value,
      unit,
      runs: read.times.runs,
      ...(mark && { anchor: mark.anchor }),
      ...(mark?.most !== undefined && { target: { most: mark.most } }),
      ...(mark?.least !== undefined && { target: { least: mark.least } }),
    };
  };
  return [
    ...(inFlight === 1
      ? [figure("p50", "p50", read.times.p50Ms, "ms"), figure("p99", "p99", read.times.p99Ms, "ms")]
      : [figure("rate", "calls a second", read.callsPerSecond, "/s")]),
    figure("cpu", "CPU of gateway and agent a call", read.gatewayMicros + read.agentMicros, "us"),
  ];
}

function details(reads: readonly Read[]): string {
  return `Unary IsMoving of base (part \`main\`) and arm (part \`arm\`) by Viam's TypeScript SDK in a Node process of its own, as that
client sees it; it shares the machine's cores with the robot. CPU: user and system time of the process, all its threads,
over the run. The anchor's CPU is that of its servers: on the main part one process, which is compared with gateway and
agent together. No server of any speed lets a client make more calls a second than its own CPU has room for, and the three
share two cores: *at most* is what two whole cores would make of the CPU that a call takes in all of them together.

${table(
  [
    "client",
    "part",
    "link",
    "in flight",
    "p50, ms",
    "p99",
    "max",
    "calls/s",
    "CPU of the gateway a call, µs",
    "of the agent",
    "of the client",
    "at most, calls/s",
  ],
  reads.map(({ kind, part, carrier, inFlight, times, callsPerSecond, gatewayMicros, agentMicros, clientMicros }) => [
    kind,
    part,
    carrier,
    String(inFlight),
    show(times.p50Ms),
    show(times.p99Ms),
    show(times.maxMs),
    show(Math.round(callsPerSecond)),
    show(Math.round(gatewayMicros)),
    show(Math.round(agentMicros)),
    show(Math.round(clientMicros)),
    inFlight === 1 ? "" : show(Math.round(2e6 / (gatewayMicros + agentMicros + clientMicros))),
  ]),
)}`;
}
