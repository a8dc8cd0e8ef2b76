import type { Checkers } from "./checkers.js";
import type { Rng } from "./world/rng.js";
import type { Robot } from "./world/robot.js";

/** What goes wrong, one thing after another or several at once. */
export interface Faults {
  stop(): void;
}

interface Trouble {
  readonly robot: Robot;
  readonly rng: Rng;
  readonly checkers: Checkers;
  /** How long it lasts, in ms: something between two bounds, which an episode's shape scales. */
  lasts(leastMs: number, mostMs: number): number;
  /** What ends it, unless everything is mended before. */
  later(ms: number, task: () => void): void;
}

type Fault = (trouble: Trouble) => string;

/** A trouble that lasts is told again and again: an excuse holds for a few seconds only. */
const EXCUSE_AGAIN_MS = 1000;

const FAULTS: readonly { readonly weight: number; readonly run: Fault }[] = [
  {
    weight: 5,
    run({ robot, rng, lasts, later }) {
      const client = rng.pick(robot.clients);
      client.die();
      later(lasts(500, 8000), () => client.process.state === "down" && client.restart());
      return `${client.process.name} is killed`;
    },
  },
  {
    weight: 2,
    run({ robot, rng }) {
      const client = rng.pick(robot.clients);
      if (client.process.state === "up") client.leave();
      return `${client.process.name} leaves`;
    },
  },
  {
    weight: 3,
    run({ robot, rng, checkers, lasts, later }) {
      const client = rng.pick(robot.clients);
      client.hung = true;
      later(lasts(1000, 20_000), () => {
        client.hung = false;
        // What it says first is on its way while its session may come to its end.
        checkers.excuse(client);
      });
      return `${client.process.name} hangs`;
    },
  },
  {
    weight: 4,
    run({ robot, rng, checkers, lasts, later }) {
      const victims = [...robot.clients, robot.gateway, ...robot.parts, ...(robot.store ? [robot.store] : [])];
      const { process } = rng.pick(victims);
      if (process.state !== "up") return "nothing";
      if (process.name === "store" || process.name === "gateway") checkers.excuse("all");
      const ms = rng.chance(0.5) ? lasts(20, 500) : lasts(500, 6000);
      process.pause();
      later(ms, () => {
        process.resume();
        if (process.name === "store" || process.name === "gateway") checkers.excuse("all");
      });
      return `${process.name} is paused for ${ms.toFixed(0)} ms`;
    },
  },
  {
    weight: 1,
    run({ robot, rng, lasts, later }) {
      const { process } = rng.pick(robot.parts);
      process.sleep();
      later(lasts(100, 10_000), () => process.resume());
      return `${process.name} sleeps`;
    },
  },
  {
    weight: 6,
    run({ robot, rng, checkers, lasts, later }) {
      const names = ["gateway", ...(robot.store ? ["store"] : [])];
      const others = [...robot.clients, ...robot.parts].map(({ process }) => process.name);
      const [a, b] = [rng.pick(names), rng.pick(rng.chance(0.2) ? names : others)];
      if (a === b || (a === "store" && b.startsWith("client"))) return "nothing";
      const both = rng.chance(0.6);
      const ms = rng.chance(0.4) ? lasts(50, 800) : lasts(800, 8000);
      const excuse = () => {
        if (names.includes(b)) checkers.excuse("all");
        const client = robot.clients.find(({ process }) => process.name === b);
        if (client) checkers.excuse(client);
      };
      excuse();
      robot.network.cut(a, b);
      if (both) robot.network.cut(b, a);
      later(ms, () => {
        robot.network.heal(a, b);
        robot.network.heal(b, a);
        excuse();
      });
      return `${a} ${both ? "<" : ""}-/-> ${b} for ${ms.toFixed(0)} ms`;
    },
  },
  {
    weight: 4,
    run({ robot, rng, checkers, lasts, later }) {
      const { network } = robot;
      const { lan } = robot.options;
      const slow = { ...lan, delayMs: rng.between(0, 150), jitterMs: rng.between(10, 300), loss: rng.between(0, 0.1) };
      const ms = lasts(500, 5000);
      const excuse = () => checkers.excuse("all");
      for (let at = 0; at < ms; at += EXCUSE_AGAIN_MS) later(at, excuse);
      network.lan = slow;
      // Retransmissions come late, long after the network is well.
      later(ms, () => {
        network.lan = lan;
        excuse();
      });
      return `the LAN is slow for ${ms.toFixed(0)} ms`;
    },
  },
  {
    weight: 2,
    run({ robot, checkers, lasts, later }) {
      checkers.excuse("all");
      if (robot.gateway.process.state === "down") return "nothing";
      robot.gateway.process.kill();
      later(lasts(100, 4000), () => robot.gateway.process.state === "down" && robot.gateway.restart());
      return "gateway is killed";
    },
  },
  {
    weight: 2,
    run({ robot, rng, lasts, later }) {
      const part = rng.pick(robot.parts);
      part.process.kill();
      later(lasts(50, 3000), () => part.process.state === "down" && part.restart());
      return `${part.name} is killed`;
    },
  },
  {
    weight: 3,
    run({ robot, rng, checkers, lasts, later }) {
      const { store } = robot;
      if (!store) return "nothing";
      checkers.excuse("all");
      const dice = rng.float();
      if (dice < 0.4) {
        const ms = rng.chance(0.5) ? rng.between(-10_000, 10_000) : rng.between(-500, 500);
        checkers.clockSteps();
        store.step(ms);
        return `the store's clock steps by ${ms.toFixed(0)} ms`;
      }
      if (dice < 0.7) {
        store.replace();
        return "the store fails over to an older replica";
      }
      if (store.process.state === "up") store.process.kill();
      later(lasts(100, 4000), () => {
        if (store.process.state !== "down") return;
        store.process.start();
        store.replace();
        checkers.excuse("all");
      });
      return "the store is killed";
    },
  },
  {
    weight: 3,
    run({ robot, rng, lasts, later }) {
      const part = rng.pick(robot.parts);
      const actuator = rng.pick(part.actuators);
      actuator.behaviour = rng.pick(["slow", "fails", "hangs"] as const);
      later(lasts(200, 6000), () => {
        actuator.behaviour = "works";
      });
      return `Stop of ${part.name}:${actuator.name} ${actuator.behaviour}`;
    },
  },
  {
    weight: 2,
    run({ robot, rng, lasts, later }) {
      const part = rng.pick(robot.parts);
      part.stubborn = true;
      later(lasts(500, 6000), () => {
        part.stubborn = false;
      });
      return `handlers of ${part.name} ignore their abort`;
    },
  },
  {
    weight: 2,
    run({ robot, rng }) {
      const client = rng.pick(robot.clients);
      const { connection } = client;
      if (connection === undefined) return "nothing";
      robot.gateway.process.receive(() => robot.gateway.knock(connection));
      return `a forged knock at ${client.process.name}`;
    },
  },
  {
    weight: 1,
    run({ robot, rng, checkers }) {
      const sessions = [...robot.gateway.keeper.all()];
      if (robot.gateway.process.state !== "up" || sessions.length === 0) return "nothing";
      const { id } = rng.pick(sessions);
      robot.gateway.keeper.end(id, "revoked", "operator");
      checkers.note("revoked");
      return `${id.slice(0, 4)} is revoked`;
    },
  },
];

export interface FaultsOptions {
  /** Between two faults, in ms. */
  readonly meanPauseMs: number;
  /** What the length of each trouble is multiplied with. */
  readonly lengthFactor: number;
}

export function startFaults(
  robot: Robot,
  rng: Rng,
  checkers: Checkers,
  { meanPauseMs, lengthFactor }: FaultsOptions,
): Faults {
  const total = FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  let stopped = false;
  const trouble: Trouble = {
    robot,
    rng,
    checkers,
    lasts: (leastMs, mostMs) => rng.between(leastMs, mostMs) * lengthFactor,
    later(ms, task) {
      robot.time.at(robot.time.now + ms, () => {
        if (!stopped) task();
      });
    },
  };
  const turn = () => {
    let dice = rng.float() * total;
    const fault = FAULTS.find(({ weight }) => {
      dice -= weight;
      return dice < 0;
    })!;
    const line = fault.run(trouble);
    if (line !== "nothing") checkers.note(`FAULT ${line}`);
    trouble.later(-Math.log(1 - rng.float()) * meanPauseMs, turn);
  };
  trouble.later(trouble.lasts(500, 2000), turn);
  return {
    stop() {
      stopped = true;
    },
  };
}
