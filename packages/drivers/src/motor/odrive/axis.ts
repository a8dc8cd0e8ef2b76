import { type Clock, VigilError } from "@vigil/shared";
import { abortError, pause } from "../../fake/pause.js";
import type { Act } from "../../resource.js";
import type { Ask, AttachedAxis, AxisWire, Drive } from "./drive.js";
import { faultError, isHealthy, type OdriveFaults, readFaults } from "./faults.js";
import { AXIS_CLOSED_LOOP, axisCommands, parseFeedback, parseNumber } from "./protocol.js";
import type { AskOptions } from "./questions.js";
import type { OdriveSettings } from "./settings.js";

/** One axis of a drive: turns and turns per second. */
export interface OdriveAxis {
  /** Turns on at this speed until told otherwise. Settles when the drive has the command. */
  run(turnsPerSecond: number, act: Act): Promise<void>;
  /** Goes to `goal(present position)` along the drive's trajectory, and settles when it stands there. */
  goTo(goal: (turns: number) => number, turnsPerSecond: number, act: Act): Promise<void>;
  /** Brakes to standstill; settles when it is measured. @throws VigilError("driver") if it does not come in time */
  stop(): Promise<void>;
  /** Ends the motion under way but leaves the axis at its speed; what it returns commands a fraction of that. */
  beginRamp(act: Act): (fraction: number) => Promise<void>;
  /** Keeps the drive's watchdog from expiring: whoever moves the axis may go on for `validForMs` at least. */
  feed(validForMs: number): void;
  /** Clears every error of the drive, of both axes. */
  clearErrors(act: Act): Promise<OdriveFaults>;
  feedback(): Promise<{ readonly turns: number; readonly turnsPerSecond: number }>;
  isMoving(): Promise<boolean>;
  isPowered(): Promise<boolean>;
  faults(): Promise<OdriveFaults>;
  close(): void;
}

/** Up to this a measured speed is an encoder's noise, in turns per second. */
export const STILL_TURNS_PER_SECOND = 0.05;
/** How near to its goal a motion has arrived, in turns. */
const ARRIVED_TURNS = 0.02;
/** A motion that rests elsewhere for so long has not arrived: something holds the shaft. */
const RESTED_MS = 500;
/** How often a motion with an end is looked at and its watchdog fed. */
const FOLLOW_MS = 20;
/** How often the drive is asked whether a change of state or a stop is done. */
const LOOK_MS = 5;
/** Entering closed loop takes the firmware some milliseconds. */
const CLOSED_LOOP_TIMEOUT_MS = 500;
/** A stop is sent again so often while the axis turns: its line may have been damaged. */
const STOP_AGAIN_MS = 100;
/** One attempt to stop; below the guard's default stop_timeout of 1 s, so that it learns why. */
const STOP_PATIENCE_MS = 900;

/** Times that a velocity is written until the drive has it: a line that is damaged on its way is dropped by the drive. */
const VELOCITY_ATTEMPTS = 3;
/** The drive computes in 32 bits and answers with nine characters. */
const VELOCITY_PRECISION = 1e-4;

/** A motion under way: everything that it does to the drive passes here. */
interface Motion {
  readonly signal: AbortSignal;
  /** @throws VigilError if the call may not act any more, or another command or a stop has ended the motion. */
  write(lines: readonly string[]): void;
}

export function createOdriveAxis(clock: Clock, name: string, drive: Drive, settings: OdriveSettings): OdriveAxis {
  const commands = axisCommands(settings.axis);
  const { watchdogMs } = settings;
  let motion = new AbortController();
  let motionsBegun = 0;
  /** A trajectory may be under way in the drive. */
  let onTrajectory = false;
  /** What it was last told, or measured on a trajectory. */
  let speed = 0;
  /** Since the last stop something was told to move, or to hold still. */
  let worthFeeding = false;

  const replaced = () => new VigilError("cancelled", `the motion of "${name}" was ended by a stop or another command`);
  const interrupt = (why: VigilError) => {
    motion.abort(why);
    motion = new AbortController();
  };

  const attached: AttachedAxis = {
    greeting: () => [...commands.stop(), ...commands.watchdog(watchdogMs)],
    lost(error) {
      interrupt(error);
      worthFeeding = false;
      speed = 0;
    },
    async verify(ask) {
      const read = (property: string) => ask(commands.read(property), parseNumber);
      const enabled = await read("config.enable_watchdog");
      const timeoutMs = (await read("config.watchdog_timeout")) * 1000;
      const setpoint = await read("controller.vel_setpoint");
      if (enabled === 1 && Math.abs(timeoutMs - watchdogMs) <= 1 && setpoint === 0) return;
      throw new VigilError("driver", `the drive of "${name}" did not take its stop and its watchdog`);
    },
  };
  const wire: AxisWire = drive.attach(attached);

  /** Asks twice: a reply may be lost or damaged, and asking changes nothing. */
  const ask: Ask = async (question, parse, options) => {
    try {
      return await wire.ask(question, parse, options);
    } catch (error) {
      if (!wire.isReady() || VigilError.from(error).reason !== "driver") throw error;
      return await wire.ask(question, parse, options);
    }
  };
  const read = (property: string, options?: AskOptions) => ask(commands.read(property), parseNumber, options);
  const feedback = (options?: AskOptions) => ask(commands.feedback(), parseFeedback, options);
  const faults = () => readFaults(ask, commands);
  const isClosedLoop = async () => (await read("current_state")) === AXIS_CLOSED_LOOP;

  /** Runs a motion; if the drive fails it, it is told to stand still, as far as the call may still act. */
  async function move(act: Act, run: (motion: Motion) => Promise<void>): Promise<void> {
    await wire.ready();
    const own = act.write(() => {
      interrupt(replaced());
      motionsBegun += 1;
      worthFeeding = true;
      return motion.signal;
    });
    const write = (lines: readonly string[]) =>
      act.write(() => {
        if (own.aborted) throw abortError(own);
        wire.command(lines);
      });
    try {
      await run({ signal: AbortSignal.any([act.signal, own]), write });
    } catch (error) {
      const failed = VigilError.from(error, "driver");
      // Any other reason says that it may not act any more: the guard sends the stop.
      if ((failed.reason === "driver" || failed.reason === "limit") && wire.isReady()) brake(write, failed);
      throw failed;
    }
  }

  function brake(write: Motion["write"], failed: VigilError): void {
    try {
      write(commands.stop());
    } catch (error) {
      throw new VigilError(failed.reason, failed.message, { cause: error });
    }
  }

  async function enterClosedLoop(run: Motion): Promise<void> {
    if (await isClosedLoop()) return;
    const before = await faults();
    if (!isHealthy(before)) throw faultError(name, before, "does not move");
    run.write(commands.enterClosedLoop(watchdogMs));
    onTrajectory = false;
    for (const giveUpAt = clock.now() + CLOSED_LOOP_TIMEOUT_MS; clock.now() < giveUpAt; ) {
      await pause(clock, LOOK_MS, run.signal);
      if (await isClosedLoop()) return;
    }
    throw faultError(name, await faults(), "does not enter closed loop control (is it calibrated?)");
  }

  async function standStill(run: Motion): Promise<void> {
    run.write(commands.stop());
    onTrajectory = false;
    for (const giveUpAt = clock.now() + STOP_PATIENCE_MS; clock.now() < giveUpAt; ) {
      const { turnsPerSecond } = await feedback();
      if (Math.abs(turnsPerSecond) <= STILL_TURNS_PER_SECOND) return;
      await pause(clock, LOOK_MS, run.signal);
    }
    throw new VigilError("driver", `"${name}" does not come to a stand before its next motion`);
  }

  async function arrive(run: Motion, goal: number): Promise<void> {
    let restingSince: number | undefined;
    for (;;) {
      run.write(commands.feed());
      await pause(clock, FOLLOW_MS, run.signal);
      const { turns, turnsPerSecond } = await feedback();
      speed = turnsPerSecond;
      if (!(await isClosedLoop())) throw faultError(name, await faults(), "ended the motion by itself");
      const rests =
        Math.abs(turnsPerSecond) <= STILL_TURNS_PER_SECOND && (await read("controller.trajectory_done")) === 1;
      if (!rests) {
        restingSince = undefined;
        continue;
      }
      if (Math.abs(turns - goal) <= ARRIVED_TURNS) return;
      restingSince ??= clock.now();
      if (clock.now() - restingSince < RESTED_MS) continue;
      throw new VigilError("driver", `"${name}" rests at ${turns} turns instead of ${goal}: is its shaft blocked?`);
    }
  }

  return {
    run: (turnsPerSecond, act) =>
      move(act, async (run) => {
        await enterClosedLoop(run);
        speed = turnsPerSecond;
        for (let attempt = 1; attempt <= VELOCITY_ATTEMPTS; attempt += 1) {
          run.write(commands.velocity(turnsPerSecond, onTrajectory));
          const taken = await read("controller.input_vel");
          if (Math.abs(taken - turnsPerSecond) > VELOCITY_PRECISION * Math.max(1, Math.abs(turnsPerSecond))) continue;
          onTrajectory = false;
          return;
        }
        throw new VigilError("driver", `the drive of "${name}" does not take its velocity; check the cable for noise`);
      }),
    goTo: (goalFrom, turnsPerSecond, act) =>
      move(act, async (run) => {
        await enterClosedLoop(run);
        const start = await feedback();
        const goal = goalFrom(start.turns);
        if (onTrajectory || Math.abs(start.turnsPerSecond) > STILL_TURNS_PER_SECOND) await standStill(run);
        run.write([...commands.stop(), ...commands.trajectory(goal, turnsPerSecond)]);
        onTrajectory = true;
        await arrive(run, goal);
      }),

    async stop() {
      interrupt(replaced());
      worthFeeding = false;
      speed = 0;
      const begun = motionsBegun;
      if (!wire.isReady()) await wire.ready();
      let sentAt = -Infinity;
      const giveUpAt = clock.now() + STOP_PATIENCE_MS;
      for (;;) {
        if (clock.now() - sentAt >= STOP_AGAIN_MS) {
          wire.command(commands.stop());
          sentAt = clock.now();
        }
        const { turnsPerSecond } = await feedback({ urgent: true });
        const setpoint = await read("controller.vel_setpoint", { urgent: true });
        // A newer command moves it: the stop had its effect before, and must not be sent into that.
        if (begun !== motionsBegun) return;
        if (setpoint === 0 && Math.abs(turnsPerSecond) <= STILL_TURNS_PER_SECOND) {
          onTrajectory = false;
          return;
        }
        if (clock.now() >= giveUpAt) {
          throw new VigilError("driver", `"${name}" still turns at ${turnsPerSecond} turns/s after its stop`);
        }
        await pause(clock, LOOK_MS);
      }
    },
    beginRamp(act) {
      const from = speed;
      act.write(() => interrupt(replaced()));
      return async (fraction) => {
        act.write(() => {
          wire.command(commands.velocity(from * fraction, onTrajectory));
          onTrajectory = false;
        });
      };
    },
    feed(validForMs) {
      if (worthFeeding && validForMs > 0) wire.offer(commands.feed());
    },
    async clearErrors(act) {
      await wire.ready();
      act.write(() => wire.command(["sc"]));
      return faults();
    },

    feedback: () => wire.ready().then(() => feedback()),
    async isMoving() {
      await wire.ready();
      const { turnsPerSecond } = await feedback();
      if (Math.abs(turnsPerSecond) > STILL_TURNS_PER_SECOND) return true;
      // Slower than noise, but told to turn.
      return (await read("controller.vel_setpoint")) !== 0 && (await isClosedLoop());
    },
    isPowered: () => wire.ready().then(isClosedLoop),
    faults: () => wire.ready().then(faults),
    close: () => wire.detach(),
  };
}
