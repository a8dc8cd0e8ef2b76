import type { Rng } from "./rng.js";
import type { SimTime } from "./sim-time.js";

/** Who a write to an actuator belongs to. */
export interface Mover {
  readonly session: string;
  readonly call: number;
  /** Which start of the part the call belongs to: each counts its calls from 1. */
  readonly life: number;
  readonly endless: boolean;
  /** A user moved it, who never owns it. */
  readonly use: boolean;
}

/** How an actuator's Stop behaves. */
export type StopBehaviour = "works" | "slow" | "fails" | "hangs";

/** One simulated axis, on a bus that may be slow. What happens at it is what counts: everything else is talk. */
export interface Actuator {
  readonly name: string;
  readonly part: string;
  readonly moving: boolean;
  /** Whose command arrived last; undefined once it was stopped. */
  readonly mover: Mover | undefined;
  readonly movingSince: number;
  /** When it was last told to stop. */
  readonly lastStopAt: number;
  behaviour: StopBehaviour;
  /** Writes on their way over the bus. */
  readonly onBus: number;
  /** Puts a command on the bus; `landed` once the device has it. */
  write(mover: Mover, moves: boolean, landed: () => void): void;
  /** Resolves with whether it was acknowledged. `done` may never be called. */
  stop(done: (acknowledged: boolean) => void): void;
}

export interface ActuatorWatch {
  landed(actuator: Actuator, mover: Mover, writtenAt: number): void;
  told(actuator: Actuator): void;
}

/** Longest time of a write on the slow bus, and of a slow Stop, in ms. */
export const MAX_BUS_MS = 80;
const SLOW_STOP_MS = 150;

export function createActuator(
  time: SimTime,
  rng: Rng,
  name: string,
  part: string,
  busMs: number,
  watch: ActuatorWatch,
): Actuator {
  let mover: Mover | undefined;
  let movingSince = 0;
  let lastStopAt = -Infinity;
  let onBus = 0;
  const actuator: Actuator = {
    name,
    part,
    behaviour: "works",
    get moving() {
      return mover !== undefined;
    },
    get mover() {
      return mover;
    },
    get movingSince() {
      return movingSince;
    },
    get lastStopAt() {
      return lastStopAt;
    },
    get onBus() {
      return onBus;
    },
    write(by, moves, landed) {
      const writtenAt = time.now;
      onBus += 1;
      time.at(time.now + busMs * rng.between(0.2, 1), () => {
        onBus -= 1;
        if (moves && mover === undefined) movingSince = time.now;
        mover = moves ? by : undefined;
        if (moves) watch.landed(actuator, by, writtenAt);
        landed();
      });
    },
    stop(done) {
      lastStopAt = time.now;
      watch.told(actuator);
      const { behaviour } = actuator;
      if (behaviour === "hangs") return;
      const takesMs = behaviour === "slow" ? rng.between(1, SLOW_STOP_MS) : rng.between(0.05, 5);
      time.at(time.now + takesMs, () => {
        if (behaviour === "fails") return done(false);
        mover = undefined;
        done(true);
      });
    },
  };
  return actuator;
}
