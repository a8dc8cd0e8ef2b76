import type { Clock } from "@vigil/shared";
import type { Resource } from "../resource.js";

/** The shaft of a simulated motor. Its angle is a function of time: no ticks, nothing to miss. */
export interface SimulatedMotor {
  readonly maxRpm: number;
  rpm(): number;
  /** Revolutions since it was made: never set back. */
  revolutions(): number;
  setRpm(rpm: number): void;
  /** Runs `listener` before each change of speed, while the old one still counts. */
  beforeChange(listener: () => void): void;
}

const MS_PER_MINUTE = 60_000;

export function createSimulatedMotor(clock: Clock, maxRpm: number): SimulatedMotor {
  const listeners: (() => void)[] = [];
  let from = { revolutions: 0, atMs: clock.now() };
  let speed = 0;
  const revolutions = () => from.revolutions + (speed * (clock.now() - from.atMs)) / MS_PER_MINUTE;
  return {
    maxRpm,
    rpm: () => speed,
    revolutions,
    setRpm(rpm) {
      for (const listener of listeners) listener();
      from = { revolutions: revolutions(), atMs: clock.now() };
      speed = rpm;
    },
    beforeChange: (listener) => void listeners.push(listener),
  };
}

/** Which resources are fakes, so that a fake base can see its wheels turn. */
const shafts = new WeakMap<Resource, SimulatedMotor>();

export function rememberShaft(motor: Resource, shaft: SimulatedMotor): void {
  shafts.set(motor, shaft);
}

/** The shaft of a fake motor; undefined for a motor of any other model. */
export function shaftOf(motor: Resource): SimulatedMotor | undefined {
  return shafts.get(motor);
}
