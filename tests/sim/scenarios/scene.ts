import type { SessionEnd } from "@vigil/safety";
import type { MethodClass } from "@vigil/shared";
import { type Checkers, createCheckers, Violation } from "../checkers.js";
import type { Actuator } from "../world/actuator.js";
import { createRobot, type Robot, type RobotOptions } from "../world/robot.js";
import type { SimClient } from "../world/sim-client.js";
import type { SimPart } from "../world/sim-part.js";

/** A call that a scenario has made. */
export interface Made {
  readonly id: number | undefined;
  /** Undefined: none yet. */
  answer: string | undefined;
}

/** A robot with a story: what happens is written down by the scenario, what may never happen is still checked. */
export interface Scene {
  readonly robot: Robot;
  readonly checkers: Checkers;
  readonly now: number;
  readonly ends: readonly SessionEnd[];
  readonly suspensions: readonly string[];
  /** Times at which an actuator ("part0:arm") was told to stop, that of the part's start left out. */
  stopsOf(name: string): readonly number[];
  client(index: number): SimClient;
  part(index: number): SimPart;
  actuator(name: string): Actuator;
  run(ms: number): Promise<void>;
  call(client: number, resource: string, what?: MethodClass, more?: { durationMs?: number; streamed?: boolean }): Made;
  /** Commands until it is obeyed. Throws when it never is. */
  drive(client: number, resource: string, what?: MethodClass, durationMs?: number): Promise<void>;
}

export const CALM: RobotOptions = {
  windowMs: 2000,
  quietLimitMs: 10_000,
  maxCommandAgeMs: 300,
  store: "gateway",
  stopGroup: "robot",
  parts: 1,
  clients: [{ carrier: "webrtc", explicit: true }],
  lan: { delayMs: 0.3, jitterMs: 0.5, loss: 0, duplicates: 0 },
  wan: { delayMs: 5, jitterMs: 5, loss: 0, duplicates: 0 },
  rearm: "auto",
  slowBus: false,
  driftPpm: 100,
};

/** Time in which links, sessions and leases come up, in ms; the phase of everything differs from seed to seed. */
const WARM_UP_MS = 1000;
const DRIVE_TRIES = 50;

/** Plays the scenario once for each seed from 1; what fails names its seed. */
export async function forSeeds(
  count: number,
  options: Partial<RobotOptions>,
  story: (scene: Scene) => Promise<void>,
): Promise<void> {
  for (let seed = 1; seed <= count; seed += 1) {
    const { scene, begin } = createScene(seed, { ...CALM, ...options });
    try {
      await scene.run(WARM_UP_MS + scene.robot.rng.between(0, 500));
      begin();
      await story(scene);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Violation(`seed ${seed}: ${message}\n${scene.checkers.trail.slice(-60).join("\n")}`, { cause: error });
    }
  }
}

function createScene(seed: number, options: RobotOptions): { scene: Scene; begin(): void } {
  const checkers = createCheckers({ detailed: true });
  const ends: SessionEnd[] = [];
  const suspensions: string[] = [];
  const stops = new Map<string, number[]>();
  const robot = createRobot(seed, options, {
    ...checkers,
    sessionEnded(end) {
      ends.push(end);
      checkers.sessionEnded(end);
    },
    suspended(session, cause) {
      suspensions.push(cause);
      checkers.suspended(session, cause);
    },
    told(actuator) {
      const name = `${actuator.part}:${actuator.name}`;
      stops.set(name, [...(stops.get(name) ?? []), robot.time.now]);
      checkers.told(actuator);
    },
  });
  checkers.attach(robot);

  const scene: Scene = {
    robot,
    checkers,
    ends,
    suspensions,
    get now() {
      return robot.time.now;
    },
    stopsOf: (name) => stops.get(name) ?? [],
    client: (index) => robot.clients[index]!,
    part: (index) => robot.parts[index]!,
    actuator(name) {
      const found = robot.parts
        .flatMap(({ actuators }) => actuators)
        .find((each) => `${each.part}:${each.name}` === name);
      if (!found) throw new Error(`there is no actuator ${name}`);
      return found;
    },
    run: (ms) => robot.time.runUntil(robot.time.now + ms),
    call(client, resource, what = "move_endless", { durationMs = 0, streamed = false } = {}) {
      const made: { id: number | undefined; answer: string | undefined } = { id: undefined, answer: undefined };
      made.id = scene.client(client).call({ resource, class: what, durationMs, streamed }, (answer) => {
        made.answer = answer;
      });
      return made;
    },
    async drive(client, resource, what = "move_endless", durationMs = 0) {
      for (let tries = 0; tries < DRIVE_TRIES; tries += 1) {
        const made = scene.call(client, resource, what, { durationMs });
        for (let waited = 0; waited < 10 && made.id !== undefined; waited += 1) {
          await scene.run(20);
          if (made.answer === "ok" || (made.answer === undefined && isMovedBy(client, resource))) return;
        }
        await scene.run(100);
      }
      throw new Error(`client ${client} cannot drive ${resource}`);
    },
  };

  function isMovedBy(client: number, resource: string): boolean {
    const axis = resource.endsWith(":base") ? resource.replace(":base", ":left") : resource;
    const mover = scene.actuator(axis).mover;
    return mover !== undefined && checkers.clientOf(mover.session) === scene.client(client);
  }
  return { scene, begin: () => stops.clear() };
}
