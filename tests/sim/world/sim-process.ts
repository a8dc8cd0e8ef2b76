import type { Clock } from "@vigil/shared";
import type { Rng } from "./rng.js";
import type { SimTime } from "./sim-time.js";

/** A process of the simulated robot: it can be paused, put to sleep with its machine, killed and started again. */
export interface SimProcess {
  readonly name: string;
  readonly state: "up" | "paused" | "down";
  /** Of this start; a new one after each start. Its timers die with the process. */
  readonly clock: Clock;
  /** How much its boot-time clock is ahead of its monotonic one: it grows with each sleep. In ms. */
  readonly sleptMs: number;
  /** Counts its starts: a new life knows nothing of the old one. */
  readonly life: number;
  /** True time of its last start; -Infinity: it has never been started again. */
  readonly restartedAt: number;
  /** True time up to which it has been stopped, and for how long in all: what a bound must allow for. */
  readonly pausedMs: number;
  /** Its last pause: when it woke, and how long it had been. */
  readonly lastPause: { readonly wokeAt: number; readonly ms: number; readonly slept: boolean };
  /** Something arrives from outside: runs now, waits while paused, is lost while down. */
  receive(task: () => void): void;
  pause(): void;
  /** Like a pause, but its monotonic clock stands still too. */
  sleep(): void;
  resume(): void;
  kill(): void;
  start(): void;
}

export interface SimProcessOptions {
  readonly driftPpm?: number;
}

export function createSimProcess(
  time: SimTime,
  rng: Rng,
  name: string,
  { driftPpm = 0 }: SimProcessOptions = {},
): SimProcess {
  const rate = 1 + driftPpm / 1e6;
  /** Its monotonic clock: zero means nothing, so it starts anywhere. */
  const zero = rng.between(1e5, 1e7);
  let state: SimProcess["state"] = "up";
  let life = 0;
  let restartedAt = -Infinity;
  let stoppedAt = 0;
  let asleep = false;
  let sleptMs = 0;
  let pausedMs = 0;
  let lastPause = { wokeAt: -Infinity, ms: 0, slept: false };
  let held: { timer: boolean; life: number; task: () => void }[] = [];

  const monotonic = () => zero + ((state === "paused" && asleep ? stoppedAt : time.now) - sleptMs) * rate;

  function deliver(task: () => void, timer: boolean, of: number): void {
    if (state === "down" || of !== life) return;
    if (state === "paused") held.push({ timer, life: of, task });
    else task();
  }

  const clock: Clock = {
    now: monotonic,
    wall: monotonic,
    after(delayMs, task) {
      const of = life;
      let cancelled = false;
      const due = time.now + Math.max(0, delayMs) / rate;
      const pending = time.at(due, () => deliver(() => cancelled || task(), true, of));
      return {
        cancel() {
          // It may be due already, and held back by a pause.
          cancelled = true;
          pending.cancel();
        },
      };
    },
  };

  const process: SimProcess = {
    name,
    clock,
    get state() {
      return state;
    },
    get sleptMs() {
      return sleptMs;
    },
    get lastPause() {
      return lastPause;
    },
    get life() {
      return life;
    },
    get restartedAt() {
      return restartedAt;
    },
    get pausedMs() {
      return pausedMs + (state === "up" ? 0 : time.now - stoppedAt);
    },
    receive: (task) => deliver(task, false, life),
    pause() {
      if (state !== "up") return;
      state = "paused";
      stoppedAt = time.now;
    },
    sleep() {
      if (state !== "up") return;
      process.pause();
      asleep = true;
    },
    resume() {
      if (state !== "paused") return;
      lastPause = { wokeAt: time.now, ms: time.now - stoppedAt, slept: asleep };
      if (asleep) sleptMs += time.now - stoppedAt;
      asleep = false;
      pausedMs += time.now - stoppedAt;
      state = "up";
      // After SIGCONT sockets and timers are both ready, and either may run first (measured: 3 of 20 the bad way).
      const timersFirst = rng.chance(0.5);
      const woken = held;
      held = [];
      const ordered = [
        ...woken.filter(({ timer }) => timer === timersFirst),
        ...woken.filter(({ timer }) => timer !== timersFirst),
      ];
      for (const item of ordered) time.at(time.now, () => deliver(item.task, item.timer, item.life));
    },
    kill() {
      if (state === "down") return;
      if (state === "up") stoppedAt = time.now;
      else if (asleep) sleptMs += time.now - stoppedAt;
      asleep = false;
      state = "down";
      held = [];
    },
    start() {
      if (state !== "down") return;
      pausedMs += time.now - stoppedAt;
      state = "up";
      life += 1;
      restartedAt = time.now;
    },
  };
  return process;
}
