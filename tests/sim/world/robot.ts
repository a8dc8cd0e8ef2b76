import type { SessionEnd, TableSession } from "@vigil/safety";
import { createLogger } from "@vigil/shared";
import { type Actuator, createActuator, MAX_BUS_MS, type Mover } from "./actuator.js";
import { ON_DATA_PATH, type ToGateway, type ToPart } from "./messages.js";
import { type Conditions, createNetwork, type Network } from "./network.js";
import { createRng, type Rng } from "./rng.js";
import { type Carrier, createSimClient, type SimClient } from "./sim-client.js";
import { createSimGateway, type PartEnd, type SimGateway } from "./sim-gateway.js";
import { createSimPart, type PartResource, type PartUplink, type PartWatch, type SimPart } from "./sim-part.js";
import { createSimProcess } from "./sim-process.js";
import { createSimStore, type SimStore } from "./sim-store.js";
import { createSimTime, type SimTime } from "./sim-time.js";

export interface RobotOptions {
  readonly windowMs: number;
  readonly quietLimitMs: number;
  readonly maxCommandAgeMs: number;
  readonly store: "gateway" | "redis";
  readonly stopGroup: "robot" | "part";
  readonly parts: number;
  readonly clients: readonly { readonly carrier: Carrier; readonly explicit: boolean }[];
  readonly lan: Conditions;
  readonly wan: Conditions;
  readonly rearm: "auto" | "manual";
  /** Whether the parts' buses are slow. */
  readonly slowBus: boolean;
  /** Largest drift of a clock, in parts per million. */
  readonly driftPpm: number;
}

export interface RobotWatch extends PartWatch {
  sessionOpened(session: TableSession): void;
  sessionEnded(end: SessionEnd): void;
  suspended(session: TableSession, cause: string): void;
  landed(actuator: Actuator, mover: Mover, writtenAt: number): void;
  told(actuator: Actuator): void;
}

/** A whole robot in one process, on a clock of its own: the shipped core and everything around it, played. */
export interface Robot {
  readonly options: RobotOptions;
  readonly time: SimTime;
  readonly rng: Rng;
  readonly network: Network;
  readonly gateway: SimGateway;
  readonly store: SimStore | undefined;
  readonly parts: readonly SimPart[];
  readonly clients: readonly SimClient[];
  /** Names of all resources that can be commanded. */
  readonly resources: readonly string[];
  partOf(resource: string): SimPart;
  /** Heals the network, wakes and restarts everything, mends every Stop. */
  mendAll(): void;
}

export const SETTLE_MS = 400;
const quiet = createLogger({ level: "fatal", destination: { write: () => undefined } });

/** Resources of a part by their short names: a base with its two motors is one motion group, an arm one of its own. */
const DRIVES: Readonly<Record<string, readonly string[]>> = {
  left: ["left"],
  right: ["right"],
  base: ["left", "right"],
  arm: ["arm"],
};

export function createRobot(seed: number, options: RobotOptions, watch: RobotWatch): Robot {
  const time = createSimTime();
  const rng = createRng(seed);
  const network = createNetwork(time, rng.fork(), options);
  const processOf = (name: string) =>
    createSimProcess(time, rng.fork(), name, { driftPpm: rng.between(-options.driftPpm, options.driftPpm) });
  const gatewayProcess = processOf("gateway");
  const store = options.store === "redis" ? createSimStore(rng.fork(), network, processOf("store")) : undefined;
  const partNames = Array.from({ length: options.parts }, (_, index) => `part${index}`);
  const partNameOf = (resource: string) => resource.slice(0, resource.indexOf(":"));

  const gateway = createSimGateway(
    {
      rng: rng.fork(),
      process: gatewayProcess,
      log: quiet,
      store,
      time,
      partOf: partNameOf,
      watch: {
        opened: (session) => watch.sessionOpened(session),
        ended: (end) => watch.sessionEnded(end),
        suspended: (session, cause) => watch.suspended(session, cause),
      },
    },
    options,
  );

  const parts = partNames.map((name) => {
    const process = processOf(name);
    const uplink: PartUplink = {
      dial(hello, receive) {
        const up = network.ordered(process, gatewayProcess);
        const down = network.ordered(gatewayProcess, process);
        const dataUp = network.ordered(process, gatewayProcess);
        const dataDown = network.ordered(gatewayProcess, process);
        const control = network.ordered(process, gatewayProcess);
        const leases = network.ordered(gatewayProcess, process);
        const forth = network.datagrams(process, gatewayProcess);
        const back = network.datagrams(gatewayProcess, process);
        const all = [up, down, dataUp, dataDown, control, leases, forth, back];
        const { life } = gatewayProcess;
        const alive = () => gatewayProcess.life === life;
        const partLife = process.life;
        const isSame = () => process.life === partLife;
        const end: PartEnd = {
          send: (message: ToPart) =>
            (ON_DATA_PATH.has(message.kind) ? dataDown : down).send(() => isSame() && receive(message)),
          challenge: (answered) => back.send(() => isSame() && forth.send(answered)),
          close: () => undefined,
        };
        up.send(() => alive() && gateway.linked(name, hello, end));
        return {
          send: (message: ToGateway) =>
            (ON_DATA_PATH.has(message.kind) ? dataUp : up).send(() => alive() && gateway.fromPart(name, end, message)),
          challenge: (answered) => forth.send(() => alive() && back.send(() => isSame() && answered())),
          ask(question, answered) {
            control.send(() => {
              if (!alive()) return;
              gateway.asked(question).then((answer) => leases.send(() => isSame() && answered(answer)));
            });
          },
          close() {
            for (const path of all) path.close();
            network.ordered(process, gatewayProcess).send(() => alive() && gateway.unlinked(name, end));
          },
        };
      },
    };
    const busMs = options.slowBus ? rng.between(1, MAX_BUS_MS) : 0.1;
    const actuators = new Map(
      ["left", "right", "arm"].map((axis) => [axis, createActuator(time, rng.fork(), axis, name, busMs, watch)]),
    );
    const resource = (short: string): PartResource => ({
      name: `${name}:${short}`,
      stop: { timeoutMs: 300, retries: 3, escalateAfterMs: 300 },
      rearm: options.rearm,
      settleMs: SETTLE_MS,
      actuators: DRIVES[short]!.map((axis) => actuators.get(axis)!),
    });
    return createSimPart(
      { time, rng: rng.fork(), process, log: quiet, uplink, store, watch },
      [["left", "right", "base"].map(resource), [resource("arm")]],
      options,
    );
  });

  const clients = options.clients.map((kind, index) =>
    createSimClient(
      { time, rng: rng.fork(), network, process: processOf(`client${index}`), gateway },
      { ...kind, windowMs: options.windowMs },
    ),
  );

  return {
    options,
    time,
    rng,
    network,
    gateway,
    store,
    parts,
    clients,
    resources: partNames.flatMap((name) => Object.keys(DRIVES).map((short) => `${name}:${short}`)),
    partOf: (name) => parts.find((part) => part.name === partNameOf(name))!,
    mendAll() {
      network.healAll();
      for (const part of parts) {
        part.stubborn = false;
        for (const actuator of part.actuators) actuator.behaviour = "works";
      }
      for (const restartable of [gateway, ...parts]) {
        if (restartable.process.state === "down") restartable.restart();
        else restartable.process.resume();
      }
      if (store?.process.state === "down") store.process.start();
      store?.process.resume();
      for (const client of clients) {
        client.hung = false;
        client.process.resume();
      }
    },
  };
}
