import type { Checkers } from "./checkers.js";
import type { Rng } from "./world/rng.js";
import type { Robot } from "./world/robot.js";

/** What goes wrong, one thing after another or several at once. */
export interface Faults {
  stop(): void;
}

type Fault = (robot: Robot, rng: Rng, checkers: Checkers) => string;

const later = (robot: Robot, ms: number, task: () => void) => robot.time.at(robot.time.now + ms, task);

/** A trouble that lasts is told again and again: an excuse holds for a few seconds only. */
const EXCUSE_AGAIN_MS = 1000;

const FAULTS: readonly { readonly weight: number; readonly run: Fault }[] = [
  {
    weight: 5,
    run(robot, rng) {
      const client = rng.pick(robot.clients);
      client.die();
      later(robot, rng.between(500, 8000), () => client.process.state === "down" && client.restart());
      return `${client.process.name} is killed`;
    },
  },
  {
    weight: 2,
    run(robot, rng) {
      const client = rng.pick(robot.clients);
      if (client.process.state === "up") client.leave();
      return `${client.process.name} leaves`;
    },
  },
  {
    weight: 3,
    run(robot, rng) {
      const client = rng.pick(robot.clients);
      client.hung = true;
      later(robot, rng.between(1000, 20_000), () => {
        client.hung = false;
      });
      return `${client.process.name} hangs`;
    },
  },
  {
    weight: 4,
    run(robot, rng, checkers) {
      const victims = [...robot.clients, robot.gateway, ...robot.parts, ...(robot.store ? [robot.store] : [])];
      const { process } = rng.pick(victims);
      if (process.state !== "up") return "nothing";
      if (process.name === "store" || process.name === "gateway") checkers.excuse("all");
      const ms = rng.chance(0.5) ? rng.between(20, 500) : rng.between(500, 6000);
      process.pause();
      later(robot, ms, () => {
        process.resume();
        if (process.name === "store" || process.name === "gateway") checkers.excuse("all");
      });
      return `${process.name} is paused for ${ms.toFixed(0)} ms`;
    },
  },
  {
    weight: 1,
    run(robot, rng) {
      const { process } = rng.pick(robot.parts);
      process.sleep();
      later(robot, rng.between(100, 10_000), () => process.resume());
      return `${process.name} sleeps`;
    },
  },
  {
    weight: 6,
    run(robot, rng, checkers) {
      const names = ["gateway", ...(robot.store ? ["store"] : [])];
      const others = [...robot.clients, ...robot.parts].map(({ process }) => process.name);
      const [a, b] = [rng.pick(names), rng.pick(rng.chance(0.2) ? names : others)];
      if (a === b || (a === "store" && b.startsWith("client"))) return "nothing";
      const both = rng.chance(0.6);
      const ms = rng.chance(0.4) ? rng.between(50, 800) : rng.between(800, 8000);
      const excuse = () => {
        if (names.includes(b)) checkers.excuse("all");
        const client = robot.clients.find(({ process }) => process.name === b);
        if (client) checkers.excuse(client);
      };
      excuse();
      robot.network.cut(a, b);
      if (both) robot.network.cut(b, a);
      later(robot, ms, () => {
        robot.network.heal(a, b);
        robot.network.heal(b, a);
        excuse();
      });
      return `${a} ${both ? "<" : ""}-/-> ${b} for ${ms.toFixed(0)} ms`;
    },
  },
  {
    weight: 4,
    run(robot, rng, checkers) {
      const { network } = robot;
      const { lan } = robot.options;
      const slow = { ...lan, delayMs: rng.between(0, 150), jitterMs: rng.between(10, 300), loss: rng.between(0, 0.1) };
      const ms = rng.between(500, 5000);
      const excuse = () => checkers.excuse("all");
      for (let at = 0; at < ms; at += EXCUSE_AGAIN_MS) later(robot, at, excuse);
      network.lan = slow;
      // Retransmissions come late, long after the network is well.
      later(robot, ms, () => {
        network.lan = lan;
        excuse();
      });
      return `the LAN is slow for ${ms.toFixed(0)} ms`;
    },
  },
  {
    weight: 2,
    run(robot, rng, checkers) {
      checkers.excuse("all");
      if (robot.gateway.process.state === "down") return "nothing";
      robot.gateway.process.kill();
      later(robot, rng.between(100, 4000), () => robot.gateway.process.state === "down" && robot.gateway.restart());
      return "gateway is killed";
    },
  },
  {
    weight: 2,
    run(robot, rng) {
      const part = rng.pick(robot.parts);
      part.process.kill();
      later(robot, rng.between(50, 3000), () => part.process.state === "down" && part.restart());
      return `${part.name} is killed`;
    },
  },
  {
    weight: 3,
    run(robot, rng, checkers) {
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
      later(robot, rng.between(100, 4000), () => {
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
    run(robot, rng) {
      const part = rng.pick(robot.parts);
      const actuator = rng.pick(part.actuators);
      actuator.behaviour = rng.pick(["slow", "fails", "hangs"] as const);
      later(robot, rng.between(200, 6000), () => {
        actuator.behaviour = "works";
      });
      return `Stop of ${part.name}:${actuator.name} ${actuator.behaviour}`;
    },
  },
  {
    weight: 2,
    run(robot, rng) {
      const part = rng.pick(robot.parts);
      part.stubborn = true;
      later(robot, rng.between(500, 6000), () => {
        part.stubborn = false;
      });
      return `handlers of ${part.name} ignore their abort`;
    },
  },
  {
    weight: 2,
    run(robot, rng) {
      const client = rng.pick(robot.clients);
      const { connection } = client;
      if (connection === undefined) return "nothing";
      robot.gateway.process.receive(() => robot.gateway.knock(connection));
      return `a forged knock at ${client.process.name}`;
    },
  },
  {
    weight: 1,
    run(robot, rng, checkers) {
      const sessions = [...robot.gateway.keeper.all()];
      if (robot.gateway.process.state !== "up" || sessions.length === 0) return "nothing";
      const { id } = rng.pick(sessions);
      robot.gateway.keeper.end(id, "revoked", "operator");
      checkers.note("revoked");
      return `${id.slice(0, 4)} is revoked`;
    },
  },
];

/** @param meanPauseMs between two faults. */
export function startFaults(robot: Robot, rng: Rng, checkers: Checkers, meanPauseMs: number): Faults {
  const total = FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  let stopped = false;
  const turn = () => {
    if (stopped) return;
    let dice = rng.float() * total;
    const fault = FAULTS.find(({ weight }) => {
      dice -= weight;
      return dice < 0;
    })!;
    const line = fault.run(robot, rng, checkers);
    if (line !== "nothing") checkers.note(`FAULT ${line}`);
    robot.time.at(robot.time.now - Math.log(1 - rng.float()) * meanPauseMs, turn);
  };
  robot.time.at(robot.time.now + rng.between(500, 2000), turn);
  return {
    stop() {
      stopped = true;
    },
  };
}
