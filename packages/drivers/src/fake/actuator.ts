import { type ByteWrite, type Clock, VigilError } from "@vigil/shared";
import { readAttributes } from "../attributes.js";
import type { Act, BuildContext } from "../resource.js";
import { createFileDeviceLog, type DeviceLog, NO_DEVICE_LOG } from "./device-log.js";
import { type Faults, readFaults } from "./faults.js";
import { abortError, pause } from "./pause.js";

/**
 * How often a motion with an end repeats its command, in ms. Real controllers want their command again and again; here
 * it makes every step of a long operation a write that the guard can refuse (rules.md, R5).
 */
const STEP_MS = 100;

/** What is left of a motion when it counts as over, in ms: below this it is rounding. */
const OVER_MS = 0.001;

/** A command to a simulated device: what the log says, and what it does to the model, at once. */
export interface DeviceCommand {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  apply(): void;
}

/** A motion with an end of its own. */
export interface Motion {
  /** Gives the command, through `act.write`; called again every {@link STEP_MS} until the motion is over. */
  step(): Promise<void>;
  /** Time until it is over. */
  remainingMs(): number;
  /** Gives the last command, through `act.write`; not called when the motion was ended by anything else. */
  finish?(): Promise<void>;
}

/**
 * The electronics of a simulated device: everything that a fake does to its hardware passes here, so that the device
 * log shows it and the faults act on it. What the device is (a position, a speed) belongs to its fake.
 */
export interface Actuator {
  /** One command through `act`; ends the motion that is under way here. Settles when the device has acted. */
  command(act: Act, command: DeviceCommand): Promise<void>;
  /** One command through `act` that is a step of the motion under way, or harmless to it. */
  continue(act: Act, command: DeviceCommand): Promise<void>;
  /**
   * Begins a motion of several legs: ends the one that is under way. The signal aborts when {@link halt} or another
   * command ends this one.
   */
  begin(act: Act): AbortSignal;
  /**
   * Runs a motion, or the next leg of the one that `begun` stands for, to its end. Rejects when `act.signal` aborts, a
   * write is refused, or {@link halt} or another command ends it; does nothing more to the device then.
   */
  follow(act: Act, motion: Motion, begun?: AbortSignal): Promise<void>;
  /**
   * The stop: needs no `act`, overtakes everything, obeys the faults. `stop` must leave the device standing still. The log
   * says `as`.
   */
  halt(stop: () => void | Promise<void>, as?: "stop" | "hold"): Promise<void>;
  /**
   * A line in the device log, without a time: nobody of this process may be there to write one. Nothing without a log. The
   * motion itself is simulated in this process and needs no stop when it is dead.
   */
  emergencyStop(): readonly ByteWrite[];
  /** Ends the motion under way without touching the device. */
  interrupt(): void;
  close(): void;
}

/**
 * Attributes it reads: `log_path` (see {@link createFileDeviceLog}) and those of {@link readFaults}.
 * @throws VigilError("bad_request") for a bad attribute.
 */
export function createActuator(context: Pick<BuildContext, "name" | "attributes" | "clock">): Actuator {
  const { name, clock } = context;
  const path = readAttributes(name, context.attributes).text("log_path");
  const line = `${JSON.stringify({ device: name, command: "emergency_stop", args: {} })}\n`;
  const emergency = path === undefined ? [] : [{ path, hex: Buffer.from(line).toString("hex") }];
  const log = path === undefined ? NO_DEVICE_LOG : createFileDeviceLog(path);
  return build(clock, name, readFaults(context), log, emergency);
}

function build(
  clock: Clock,
  device: string,
  faults: Faults,
  log: DeviceLog,
  emergency: readonly ByteWrite[],
): Actuator {
  let motion = new AbortController();
  let stopsToFail = faults.stopFails;

  const record = (command: string, args: DeviceCommand["args"] = {}) =>
    log.append({ t: clock.now(), device, command, args });
  const interrupt = () => {
    motion.abort(new VigilError("cancelled", `the motion of "${device}" was ended by a stop or another command`));
    motion = new AbortController();
  };
  // Taking over needs the right to act, though it touches no hardware: a fenced call must not end another's motion.
  const begin = (act: Act): AbortSignal =>
    act.write(() => {
      interrupt();
      return motion.signal;
    });
  const give = async (act: Act, { name, args, apply }: DeviceCommand, takesOver: boolean): Promise<void> => {
    const arrive = () => {
      record(name, args);
      apply();
    };
    act.write(() => {
      if (takesOver) interrupt();
      if (faults.busDelayMs > 0) clock.after(faults.busDelayMs, arrive);
      else arrive();
    });
    if (faults.busDelayMs > 0) await pause(clock, faults.busDelayMs);
  };

  return {
    command: (act, command) => give(act, command, true),
    continue: (act, command) => give(act, command, false),
    begin,
    async follow(act, steps, begun = begin(act)) {
      if (faults.ignoreAbort) return stubborn(clock, steps, () => record("refused"));
      await obedient(clock, steps, AbortSignal.any([act.signal, begun]));
    },
    async halt(stop, as = "stop") {
      interrupt();
      if (faults.stopHangs) {
        record("stop_hung");
        return new Promise<void>(() => {});
      }
      if (stopsToFail > 0) {
        stopsToFail -= 1;
        record("stop_failed");
        throw new VigilError("driver", `the stop of "${device}" failed: attribute "stop_fails" asks for it`);
      }
      if (faults.stopDelayMs > 0) {
        record("stop_begun");
        await pause(clock, faults.stopDelayMs);
      }
      const stopping = stop();
      record(as);
      await stopping;
    },
    emergencyStop: () => emergency,
    interrupt,
    close: () => log.close(),
  };
}

async function obedient(clock: Clock, { step, remainingMs, finish }: Motion, signal: AbortSignal): Promise<void> {
  const check = () => {
    if (signal.aborted) throw abortError(signal);
  };
  check();
  await step();
  for (;;) {
    check();
    const left = remainingMs();
    if (left <= OVER_MS) break;
    await pause(clock, Math.min(left, STEP_MS), signal);
    if (left <= STEP_MS) continue;
    check();
    await step();
  }
  await finish?.();
}

/** The fault `ignore_abort`: goes through the whole motion, whatever is aborted or refused. */
async function stubborn(clock: Clock, { step, remainingMs, finish }: Motion, refused: () => void): Promise<void> {
  await step();
  let lastRefusal: unknown;
  const attempt = async (write: () => Promise<void>) => {
    try {
      await write();
    } catch (error) {
      refused();
      lastRefusal = error;
    }
  };
  for (let left = remainingMs(); left > OVER_MS; left = remainingMs()) {
    await pause(clock, Math.min(left, STEP_MS));
    await attempt(step);
  }
  if (finish) await attempt(finish);
  if (lastRefusal !== undefined) throw lastRefusal;
}
