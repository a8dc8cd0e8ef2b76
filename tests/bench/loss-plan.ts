import { type Client, startClient } from "../rig/clients/index.js";
import type { Robot } from "../rig/robot.js";
import { monotonicMs } from "../rig/until.js";
import { startBareClient } from "./bare-clients.js";
import type { LossKind } from "./lose-once.js";

const signalled = (signal: NodeJS.Signals) => (client: Client) => {
  const at = monotonicMs();
  client.signal(signal);
  return at;
};

/** A client over WebRTC lives in a network of its own where there is one: so its cable can be cut. */
const sdk = (kind: "ts-webrtc" | "ts-grpc") => (robot: Robot, namespace: string | undefined) =>
  startClient(robot, kind, undefined, namespace);

export const SIGKILL_WEBRTC: LossKind = {
  name: "SIGKILL, WebRTC",
  start: sdk("ts-webrtc"),
  lose: signalled("SIGKILL"),
};
const SIGKILL_GRPC: LossKind = {
  name: "SIGKILL, direct gRPC",
  start: (robot) => startBareClient(robot),
  lose: signalled("SIGKILL"),
};
const DISCONNECT: LossKind = {
  name: "disconnect(), WebRTC",
  start: sdk("ts-webrtc"),
  lose(client) {
    const at = monotonicMs();
    client.disconnect().catch(() => undefined);
    return at;
  },
  revive: async () => undefined,
};
const SIGSTOP_WEBRTC: LossKind = {
  name: "SIGSTOP, WebRTC",
  start: sdk("ts-webrtc"),
  lose: signalled("SIGSTOP"),
  revive: async (client) => client.signal("SIGCONT"),
};
const SIGSTOP_GRPC: LossKind = {
  name: "SIGSTOP, direct gRPC",
  start: (robot) => startBareClient(robot),
  lose: signalled("SIGSTOP"),
  revive: async (client) => client.signal("SIGCONT"),
};
/** Nobody is left to tell the parts anything: what they do by their own deadlines (rules.md, R9: P1 without pushes). */
const SIGSTOP_BOTH: LossKind = {
  name: "SIGSTOP of client and gateway, WebRTC",
  start: sdk("ts-webrtc"),
  lose(client, robot) {
    const at = monotonicMs();
    client.signal("SIGSTOP");
    robot.gateway.signal("SIGSTOP");
    return at;
  },
  resume: (robot) => robot.gateway.signal("SIGCONT"),
  revive: async (client) => client.signal("SIGCONT"),
};
export const cableOut = (cable: (robot: Robot) => { cut(): void; mend(): void }): LossKind => ({
  name: "cable out, WebRTC",
  start: sdk("ts-webrtc"),
  lose(_, robot) {
    const at = monotonicMs();
    cable(robot).cut();
    return at;
  },
  revive: async (_, robot) => cable(robot).mend(),
});

/** One configuration of the robot, and what is lost there how often. */
export interface Group {
  readonly id: string;
  readonly window: string;
  readonly windowMs: number;
  readonly knock: boolean;
  readonly losses: readonly Planned[];
}

export interface Planned {
  readonly loss: LossKind | "cable";
  readonly full: number;
  readonly quickly: number;
  /** What R9 wants of it. */
  readonly wanted: number;
  /** From which instant the target runs. */
  readonly from: "loss" | "sign";
  readonly p99Ms?: number;
  readonly maxMs?: number;
  readonly anchor?: string;
}

/** P1: window + 50 ms at p99, window + 250 ms at the most (rules.md, R9). */
export const silentBounds = (windowMs: number) => ({ p99Ms: windowMs + 50, maxMs: windowMs + 250 });
const silent = (windowMs: number) => ({ from: "sign" as const, ...silentBounds(windowMs) });
/** P2. */
const definite = { from: "loss" as const, p99Ms: 100 };

export const GROUPS: readonly Group[] = [
  {
    id: "2s",
    window: "2s",
    windowMs: 2000,
    knock: true,
    losses: [
      {
        loss: SIGKILL_WEBRTC,
        full: 200,
        quickly: 4,
        wanted: 200,
        from: "loss",
        p99Ms: 300,
        anchor: "1978 ms",
      },
      { loss: SIGKILL_GRPC, full: 200, quickly: 4, wanted: 200, ...definite, anchor: "1958 ms" },
      { loss: DISCONNECT, full: 200, quickly: 4, wanted: 200, ...definite, anchor: "1939 ms" },
      { loss: SIGSTOP_WEBRTC, full: 200, quickly: 4, wanted: 200, ...silent(2000), anchor: "1960 ms" },
      { loss: SIGSTOP_GRPC, full: 60, quickly: 0, wanted: 200, ...silent(2000) },
      { loss: "cable", full: 200, quickly: 0, wanted: 200, ...silent(2000) },
    ],
  },
  {
    id: "300ms",
    window: "300ms",
    windowMs: 300,
    knock: false,
    losses: [
      { loss: SIGKILL_WEBRTC, full: 100, quickly: 0, wanted: 1000, ...silent(300) },
      { loss: SIGSTOP_WEBRTC, full: 1000, quickly: 0, wanted: 1000, ...silent(300) },
      { loss: SIGSTOP_GRPC, full: 300, quickly: 0, wanted: 1000, ...silent(300) },
      { loss: "cable", full: 400, quickly: 0, wanted: 1000, ...silent(300) },
      { loss: SIGSTOP_BOTH, full: 400, quickly: 0, wanted: 1000, ...silent(300) },
      { loss: SIGKILL_GRPC, full: 600, quickly: 0, wanted: 1000, ...definite },
      { loss: DISCONNECT, full: 400, quickly: 0, wanted: 1000, ...definite },
    ],
  },
];
