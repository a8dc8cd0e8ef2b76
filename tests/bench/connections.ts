import { setTimeout as sleep } from "node:timers/promises";
import type { Samples } from "../rig/metrics.js";
import { type BenchRobot, startBenchRobot } from "./bench-robot.js";
import { openFilesOf } from "./processes.js";
import { countOf, type Section, show, table } from "./section.js";
import { distributionOf, slopeOf } from "./statistics.js";
import { startSwarm } from "./swarm.js";

const CONNECTIONS_WANTED = 10_000;
/** Each costs the gateway about 30 ms of processor time, most of it for DTLS: more of them would take the bench's time. */
const CONNECTIONS = 4000;
const AT_ONCE = 6;
/** Memory is looked at after each such batch, when all its connections are gone. */
const BATCH = 250;
/** A cut connection lingers at most 10 s in the gateway; one that was closed by its client is gone at once. */
const SETTLE_MS = 300;
/** Longest wait for the last connections to be forgotten. */
const REST_MS = 15_000;

interface Reading {
  /** Connections so far. */
  readonly x: number;
  readonly residentMb: number;
  readonly heapMb: number;
  readonly files: number;
}

export const connections: Section = {
  name: "connections",
  title: "Thousands of connections opened and closed",
  isQuick: false,
  async measure(options) {
    const count = Math.max(BATCH * 4, countOf(options, CONNECTIONS, 0));
    const robot = await startCollectable();
    let swarm = await startSwarm(robot.url, robot.windowMs);
    const read = (x: number) => readMemory(robot, x);
    try {
      const readings = [await read(0)];
      const times: number[] = [];
      const failures: string[] = [];
      for (let done = 0; done < count; done += BATCH) {
        const dials = await swarm.churn(BATCH, AT_ONCE);
        times.push(...dials.times);
        failures.push(...dials.failures);
        await sleep(SETTLE_MS);
        readings.push(await read(done + BATCH));
        if (done % 1000 === 0) options.say(`${done + BATCH} of ${count} connections`);
        // The clients' own library may keep what it likes: only the gateway's memory is looked at.
        if (done % 2500 === 0) {
          await swarm.end();
          swarm = await startSwarm(robot.url, robot.windowMs);
        }
      }
      const open = await connectionsLeft(robot.metrics);
      const last = await read(count);
      const half = readings.filter(({ x }) => x >= count / 2);
      const growthMb = (key: "residentMb" | "heapMb") =>
        slopeOf(half.map((reading) => ({ x: reading.x, y: reading[key] }))) * (count / 2);
      const [resident, heap] = [growthMb("residentMb"), growthMb("heapMb")];
      const filesLeft = last.files - readings[0]!.files;
      return {
        figures: [
          {
            id: "connections/heap-growth",
            what: "connections opened and closed: growth of what the gateway holds over the second half",
            value: heap,
            unit: "MB",
            runs: times.length,
            runsWanted: CONNECTIONS_WANTED,
            target: { most: 2 },
          },
          {
            id: "connections/resident-growth",
            what: "connections opened and closed: growth of the gateway's resident memory over the second half",
            value: resident,
            unit: "MB",
            runs: times.length,
          },
          {
            id: "connections/left",
            what: "connections opened and closed: still open after it, by the gateway's metric",
            value: open,
            unit: "",
            runs: times.length,
            target: { most: 0 },
          },
          {
            id: "connections/files",
            what: "connections opened and closed: files open in the gateway after it, more than before",
            value: filesLeft,
            unit: "",
            runs: times.length,
            target: { most: 2 },
          },
          {
            id: "connections/failed",
            what: "connections opened and closed: failed",
            value: failures.length,
            unit: "",
            runs: times.length,
            target: { most: 0 },
          },
        ],
        failures: failures.length > 0 ? [`${failures.length} dials failed: ${failures[0]}`] : [],
        details: `Clients over WebRTC dial, start a session and close, ${AT_ONCE} at a time. After each ${BATCH} the gateway is looked at, without any
connection, and after its collector has been told to take all garbage. Growth: slope of a straight line through the readings of
the second half, times its connections. One dial with its session took ${show(distributionOf(times).p50Ms)} ms (p50; p99 ${show(distributionOf(times).p99Ms)} ms) with ${AT_ONCE} at a time.

${table(
  ["connections so far", "resident, MB", "heap and buffers held, MB", "open files"],
  readings
    .filter((_, index) => index % Math.ceil(readings.length / 10) === 0 || index === readings.length - 1)
    .map(({ x, residentMb, heapMb, files }) => [String(x), show(residentMb), show(heapMb), String(files)]),
)}`,
      };
    } finally {
      await swarm.end();
      await robot.stop();
    }
  },
};

async function connectionsLeft(metrics: () => Promise<Samples>): Promise<number> {
  const end = performance.now() + REST_MS;
  for (;;) {
    const left = (await metrics()).sum("vigil_webrtc_connections", { side: "client" });
    if (left === 0 || performance.now() > end) return left;
    await sleep(SETTLE_MS);
  }
}

/** A robot whose apps collect their garbage when they are told to. */
async function startCollectable(): Promise<BenchRobot> {
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${before ?? ""} --import=${new URL("./collect-on-signal.js", import.meta.url).href}`;
  try {
    return await startBenchRobot({ motors: ["motor"] });
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  }
}

async function readMemory({ gateway }: BenchRobot, x: number): Promise<Reading> {
  const from = gateway.log.length;
  gateway.child.kill("SIGUSR2");
  const { heapMb, residentMb } = await gateway.logged("what it holds", ({ msg }) => msg === "collected", from);
  return { x, residentMb: Number(residentMb), heapMb: Number(heapMb), files: openFilesOf(gateway.pid) };
}
