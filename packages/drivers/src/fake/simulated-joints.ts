import type { Clock } from "@vigil/shared";

/** The joints of a simulated device, under position control: told where to be when, they go there and stay. */
export interface SimulatedJoints {
  positions(): number[];
  isMoving(): boolean;
  /** Every joint at constant speed from where it is, so that all arrive together at `endsAtMs` of the clock. */
  moveTo(targets: readonly number[], endsAtMs: number): void;
  /** Holds every joint where it is. */
  hold(): void;
}

export function createSimulatedJoints(clock: Clock, start: readonly number[]): SimulatedJoints {
  let motion = { from: start, to: start, startedAtMs: 0, endsAtMs: 0 };
  const isMoving = () => clock.now() < motion.endsAtMs;
  const positions = () => {
    if (!isMoving()) return [...motion.to];
    const done = (clock.now() - motion.startedAtMs) / (motion.endsAtMs - motion.startedAtMs);
    return motion.to.map((to, joint) => motion.from[joint]! + (to - motion.from[joint]!) * done);
  };
  const moveTo = (to: readonly number[], endsAtMs: number) => {
    motion = { from: positions(), to: [...to], startedAtMs: clock.now(), endsAtMs };
  };
  return { positions, isMoving, moveTo, hold: () => moveTo(positions(), clock.now()) };
}

/** Time that a move takes when no joint may be faster than `speedPerSec` of its unit, in ms. */
export function travelMs(from: readonly number[], to: readonly number[], speedPerSec: number): number {
  const farthest = to.reduce((most, target, joint) => Math.max(most, Math.abs(target - from[joint]!)), 0);
  return (farthest / speedPerSec) * 1000;
}
