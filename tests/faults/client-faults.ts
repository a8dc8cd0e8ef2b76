import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ClientKind } from "../rig/clients/index.js";
import { startProgram } from "../rig/clients/program-client.js";
import { ROBOT } from "../rig/robot.js";
import { monotonicMs, until } from "../rig/until.js";
import type { WireState } from "../rig/wire.js";
import { definite, hung, killed, silent } from "./bounds.js";
import type { Injury, Scenario, Scene, SessionKind, StoreKind, Variant } from "./scenario.js";
import { spareOf } from "./stage.js";

/** Nothing comes through. */
const CUT: WireState = { loss: 1 };
/** Ten old packets while one new one would come. */
const REPLAY_MS = 5;
const JUNK_MS = 10;
const TAP_MS = 500;
/**
 * Of a window, each way: 300 ms of 2 s. Where a delay begins, TCP sends again what is only late and then waits a whole
 * round trip: two round trips without an answer have to fit into a window.
 */
const DELAY_SHARE = 0.15;
/** Windows that a session has to live through in trouble. */
const TROUBLED_WINDOWS = 3;
const COMMAND_PERIOD_MS = 50;

const SECOND_CLIENT = fileURLToPath(new URL("../rig/clients/steady-client.js", import.meta.url));

const variant = (client: ClientKind, session: SessionKind, store: StoreKind = "memory"): Variant => ({
  client,
  session,
  store,
});

/** Every kind of client that the gateway can challenge. Python's SDK always opens a session, raw calls never do. */
const EVERY_CLIENT: readonly Variant[] = [
  variant("ts-webrtc", "explicit"),
  variant("ts-webrtc", "implicit"),
  variant("ts-grpc", "explicit"),
  variant("ts-grpc", "implicit"),
  variant("page-webrtc", "explicit"),
  variant("page-webrtc", "implicit"),
  variant("py-webrtc", "explicit"),
  variant("py-grpc", "explicit"),
  variant("raw-grpc", "implicit"),
];
const WITH_REDIS: readonly Variant[] = [
  variant("ts-webrtc", "explicit", "redis"),
  variant("raw-grpc", "implicit", "redis"),
];
/** One of each carrier and of each kind of session. */
const EACH_CARRIER: readonly Variant[] = [variant("ts-webrtc", "explicit"), variant("raw-grpc", "implicit")];

const OTHERS_UNHARMED = { motors: ["main", "arm"], readings: true } as const;

interface ClientFault extends Pick<Scenario, "fault" | "variants" | "bound" | "inject" | "prepare" | "trouble"> {
  readonly motion?: Scenario["motion"];
}

const lose = (given: ClientFault): Scenario => ({
  victim: "client",
  motion: "both",
  unharmed: OTHERS_UNHARMED,
  ...given,
});

const signal =
  (name: NodeJS.Signals) =>
  async ({ lost }: Scene): Promise<Injury> => {
    const at = monotonicMs();
    lost.signal(name);
    return { at };
  };

async function setWire({ stage }: Scene, out: WireState, back: WireState): Promise<Injury> {
  const at = monotonicMs();
  await Promise.all([stage.wire.set("out", out), stage.wire.set("in", back)]);
  return { at };
}

/** Python's SDK tidies up for a second before it closes: P2 counts from the close packet's leaving (R9). */
async function disconnectLater({ stage: { wire }, lost }: Scene): Promise<Injury> {
  await wire.listen("out");
  lost.disconnect().catch(() => undefined);
  return { at: await until("its close leaves", () => wire.closed("out")) };
}

async function disconnect({ lost }: Scene): Promise<Injury> {
  const at = monotonicMs();
  // Some never settle it, and a page that is closed cannot.
  lost.disconnect().catch(() => undefined);
  return { at };
}

/** Commands go on while nothing of it leaves; after the stop everything comes at once. */
async function holdAndRelease(scene: Scene): Promise<Injury> {
  const { stage, lost, windowMs } = scene;
  const injury = await setWire(scene, { holds: true }, {});
  for (let elapsed = 0; elapsed < windowMs / 2; elapsed += COMMAND_PERIOD_MS) {
    // What becomes of it, the client learns when its session is gone.
    lost.drive(0.3).catch(() => undefined);
    await sleep(COMMAND_PERIOD_MS);
  }
  return {
    ...injury,
    async afterStop() {
      const released = await stage.wire.release("out");
      await sleep(windowMs / 2);
      return released > 0 ? [] : ["no packet was held back"];
    },
  };
}

async function freezeUnderJunk(scene: Scene): Promise<Injury> {
  const { stage, lost } = scene;
  const at = monotonicMs();
  lost.signal("SIGSTOP");
  if (lost.kind.endsWith("webrtc")) {
    await stage.wire.junk("out", JUNK_MS);
    return { at };
  }
  const shower = setInterval(() => {
    const socket = connect(stage.robot.port, stage.network.address, () => socket.end(randomBytes(200)));
    // It is refused in whatever way: that is all there is to it.
    socket.on("error", () => socket.destroy());
    socket.resume();
  }, JUNK_MS);
  scene.atEnd(() => clearInterval(shower));
  return { at };
}

async function freezeAndReplay(scene: Scene): Promise<Injury> {
  const at = monotonicMs();
  scene.lost.signal("SIGSTOP");
  const count = await scene.stage.wire.replay("out", REPLAY_MS);
  return { at, afterStop: async () => (count > 0 ? [] : ["there was nothing to replay"]) };
}

/** Another client uses the frozen one's session id: as its own, for commands, and to keep it alive. */
async function freezeAndUsurp({ stage, lost, sid, atEnd }: Scene): Promise<Injury> {
  const command = [process.execPath, SECOND_CLIENT];
  const usurper = await startProgram("raw-grpc", command, { way: "grpc", url: stage.robot.url, host: ROBOT });
  atEnd(() => usurper.close());
  await usurper.perform("usurp", sid, spareOf("main"));
  const at = monotonicMs();
  lost.signal("SIGSTOP");
  return {
    at,
    async afterStop() {
      const { sent, lost: refused } = (await usurper.perform("report")) as { sent: number; lost: number };
      return sent === refused ? [] : [`${sent - refused} calls with a foreign session's id were obeyed`];
    },
  };
}

const bothWays = (
  fault: string,
  stateOf: (windowMs: number) => WireState,
  mayEnd?: (windowMs: number) => boolean,
): Scenario =>
  lose({
    fault,
    variants: EACH_CARRIER,
    bound: (_part, context) => silent(context),
    trouble: {
      windows: TROUBLED_WINDOWS,
      mayEnd,
      async inflict(scene) {
        const state = stateOf(scene.windowMs);
        await setWire(scene, state, state);
      },
    },
    inject: (scene) => setWire(scene, CUT, CUT),
  });

export const CLIENT_FAULTS: readonly Scenario[] = [
  lose({
    fault: "SIGKILL",
    variants: [...EVERY_CLIENT, ...WITH_REDIS],
    bound: (_part, context) => killed(context),
    inject: signal("SIGKILL"),
  }),
  lose({
    fault: "SIGSTOP",
    variants: [...EVERY_CLIENT, ...WITH_REDIS],
    bound: (_part, context) => silent(context),
    inject: signal("SIGSTOP"),
  }),
  lose({
    fault: "cable out",
    variants: [...EVERY_CLIENT, ...WITH_REDIS],
    bound: (_part, context) => silent(context),
    inject: (scene) => setWire(scene, CUT, CUT),
  }),
  lose({
    fault: "disconnect()",
    variants: EVERY_CLIENT.filter(({ client }) => client !== "ts-grpc" && client !== "raw-grpc"),
    bound: definite,
    inject: (scene) => (scene.client.startsWith("py") ? disconnectLater(scene) : disconnect(scene)),
  }),
  // Viam's TypeScript SDK sends nothing on a direct connection, and with an explicit session it beats on for ever:
  // without one, its application falls silent.
  lose({
    fault: "disconnect() that sends nothing",
    variants: [variant("ts-grpc", "implicit")],
    motion: "power",
    bound: (_part, context) => hung(context),
    inject: disconnect,
  }),
  lose({
    fault: "JavaScript hung, motions with an end",
    variants: [variant("page-webrtc", "explicit")],
    bound: (_part, context) => hung(context),
    inject: hang,
  }),
  lose({
    fault: "JavaScript hung, motion without an end",
    variants: [variant("page-webrtc", "explicit"), variant("page-webrtc", "implicit")],
    motion: "power",
    bound: (_part, context) => hung(context),
    inject: hang,
  }),
  lose({ fault: "FIN", variants: [variant("raw-grpc", "implicit")], bound: definite, inject: disconnect }),
  lose({
    fault: "RST",
    variants: [variant("raw-grpc", "implicit")],
    bound: definite,
    async inject({ lost }) {
      const at = monotonicMs();
      await lost.perform("reset");
      return { at };
    },
  }),
  lose({
    fault: "nothing comes from it",
    variants: EACH_CARRIER,
    bound: (_part, context) => silent(context),
    inject: (scene) => setWire(scene, CUT, {}),
  }),
  lose({
    fault: "nothing comes to it",
    variants: EACH_CARRIER,
    bound: (_part, context) => silent(context),
    inject: (scene) => setWire(scene, {}, CUT),
  }),
  bothWays(
    "lives at 10 % loss; then cable out",
    () => ({ loss: 0.1 }),
    // R1 counts independent datagrams: one lost segment and its lost repetition hold a TCP connection up for 1.4 s.
    (windowMs) => windowMs < 2000,
  ),
  bothWays(
    "30 % loss; then cable out",
    () => ({ loss: 0.3 }),
    () => true,
  ),
  bothWays("lives at a delay of 0.15 windows each way; then cable out", (windowMs) => ({
    delayMs: DELAY_SHARE * windowMs,
  })),
  lose({
    fault: "packets with commands held, released after the stop",
    variants: EACH_CARRIER,
    bound: (_part, context) => silent(context),
    inject: holdAndRelease,
  }),
  lose({
    fault: "SIGSTOP, and junk at the gateway's port in its name",
    variants: EACH_CARRIER,
    bound: (_part, context) => silent(context),
    inject: freezeUnderJunk,
  }),
  lose({
    fault: "SIGSTOP, and its captured packets replayed",
    variants: EACH_CARRIER,
    bound: (_part, context) => silent(context),
    async prepare({ stage }) {
      await stage.wire.tap("out");
      await sleep(TAP_MS);
    },
    inject: freezeAndReplay,
  }),
  lose({
    fault: "SIGSTOP, and another client uses its session id",
    variants: [variant("ts-webrtc", "explicit"), variant("ts-grpc", "explicit")],
    bound: (_part, context) => silent(context),
    inject: freezeAndUsurp,
  }),
];

async function hang({ lost }: Scene): Promise<Injury> {
  const at = monotonicMs();
  await lost.perform("hang");
  return { at };
}
