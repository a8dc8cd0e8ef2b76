import type { Act } from "@vigil/drivers";
import type { CallHandler } from "@vigil/protocol";
import type { StopCause } from "@vigil/safety";
import { type Clock, type Logger, VigilError } from "@vigil/shared";
import type { GuardedResource } from "./part-resources.js";
import { designedMs } from "./stop-policy.js";

/** How often IsMoving is asked after a stop has returned, in ms: it bounds how late an acknowledgement is noticed. */
const MOVING_PERIOD_MS = 10;
/** How often a ramp lowers the speed, in ms: as often as motor drives commonly take commands, and even to the eye. */
const RAMP_STEP_MS = 20;

/** Carries out stop policies (rules.md, R7): what the guard's stop plans ask for. */
export interface StopRunner {
  /**
   * One attempt; `attempt` 1 begins a new plan. Neither a ramp nor a hold is for every cause: start, end and StopAll stop
   * at once, and a hold that is released is stopped; so do the later attempts of the same plan. Resolves when it is acknowledged: the action has returned and IsMoving is
   * false. The attempt's time limit is the guard's: it asks for the next one whatever becomes of this.
   */
  attempt(resource: GuardedResource, attempt: number, cause: StopCause): Promise<void>;
  /** The newest attempt for the resource was acknowledged. True before the first one. */
  isAcknowledged(key: string): boolean;
}

/** They do not wait for ramps. */
const AT_ONCE: ReadonlySet<StopCause> = new Set(["startup", "stop_all", "shutdown"]);

export interface StopRunnerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** How a command that stops something reaches other parts: on nobody's behalf. */
  readonly robot: CallHandler;
}

/** What is known of the stop plan of one resource. */
interface Run {
  attempt: number;
  startedAt: number;
  /** Ends the right to act of the attempt before. */
  controller: AbortController;
  acknowledged: boolean;
  /** The newest attempt has failed. */
  failed: boolean;
  /** Attempts before this one prove nothing: a call settled after them. The guard counts likewise. */
  firstValid: number;
  /** An attempt by the policy has failed or was not over in time: the next ones call Stop, where there is one. */
  policyFailed: boolean;
  atOnce: boolean;
  /** Its hold is over: it is stopped. */
  released: boolean;
  rampEndsAt: number | undefined;
}

export function createStopRunner(deps: StopRunnerDeps): StopRunner {
  const { clock, log } = deps;
  const runs = new Map<string, Run>();

  function begin({ key, stopAction, settings: { safety } }: GuardedResource, attempt: number, cause: StopCause): Run {
    const now = clock.now();
    const before = runs.get(key);
    const controller = new AbortController();
    before?.controller.abort(new VigilError("stopping", "a newer attempt to stop has taken this one's place"));
    if (attempt === 1 || !before) {
      const run = {
        attempt,
        startedAt: now,
        controller,
        acknowledged: false,
        failed: false,
        firstValid: 1,
        policyFailed: false,
        atOnce: AT_ONCE.has(cause),
        released: cause === "released",
        rampEndsAt: undefined,
      };
      runs.set(key, run);
      return run;
    }
    const timeoutMs = safety.stopTimeoutMs + designedMs(stopAction);
    const isRetry = before.failed || (!before.acknowledged && now - before.startedAt >= timeoutMs);
    before.policyFailed ||= isRetry;
    before.atOnce ||= AT_ONCE.has(cause);
    before.released ||= cause === "released";
    const firstValid = isRetry ? before.firstValid : attempt;
    return Object.assign(before, {
      attempt,
      startedAt: now,
      controller,
      acknowledged: false,
      failed: false,
      firstValid,
    });
  }

  const pause = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));

  /** The right of one attempt to act: until the next attempt begins. */
  function createAct({ signal }: AbortController): Act {
    return {
      signal,
      write(command) {
        signal.throwIfAborted();
        return command();
      },
      validForMs: () => (signal.aborted ? 0 : Infinity),
      robot: deps.robot,
    };
  }

  async function ramp({ resource, key }: GuardedResource, run: Run, act: Act, durationMs: number): Promise<void> {
    const from = clock.now();
    // An attempt that comes while the ramp is under way goes on with it.
    run.rampEndsAt ??= from + durationMs;
    const endsAt = run.rampEndsAt;
    const leftMs = () => endsAt - clock.now();
    const wholeMs = leftMs();
    if (wholeMs <= 0) return;
    if (!resource.beginRamp) {
      // What it drives ramps by itself; its own stop would end that.
      if (resource.drives.length > 0) await pause(wholeMs);
      return;
    }
    const descend = async (scale: (fraction: number) => Promise<void>) => {
      for (let left = wholeMs; left > 0; left = leftMs()) {
        await scale(left / wholeMs);
        await pause(Math.min(RAMP_STEP_MS, left));
      }
    };
    try {
      // A step that hangs must not put off the stop at the end.
      await Promise.race([descend(resource.beginRamp(act)), pause(wholeMs)]);
    } catch (error) {
      if (act.signal.aborted) throw error;
      log.warn({ resource: key, error: VigilError.from(error).message }, "a ramp has failed: it is stopped at once");
    }
  }

  async function act(resource: GuardedResource, run: Run): Promise<void> {
    const { stopAction: action, resource: driver } = resource;
    const right = createAct(run.controller);
    const plainly = run.atOnce || run.policyFailed;
    if (action.kind === "do_command" && !(run.policyFailed && driver.stop)) {
      await driver.doCommand(action.command, right);
      return;
    }
    if (action.kind === "hold" && driver.hold && !run.policyFailed && !run.released) return driver.hold();
    if (action.kind === "ramp" && !plainly) await ramp(resource, run, right, action.durationMs);
    // After a ramp the plan may be over and somebody else move it: no stop then (R5).
    right.signal.throwIfAborted();
    await driver.stop!({});
  }

  async function untilStill({ resource, settings: { safety } }: GuardedResource): Promise<void> {
    const giveUpAt = clock.now() + safety.stopTimeoutMs;
    while (await resource.isMoving?.()) {
      if (clock.now() >= giveUpAt) throw new VigilError("driver", "it still moves after its stop has returned");
      await pause(MOVING_PERIOD_MS);
    }
  }

  return {
    async attempt(resource, attempt, cause) {
      const run = begin(resource, attempt, cause);
      try {
        await act(resource, run);
        await untilStill(resource);
        if (attempt >= run.firstValid) run.acknowledged = true;
      } catch (error) {
        const known = VigilError.from(error, "driver");
        // Replaced by a newer attempt: what becomes of that one counts.
        if (run.attempt !== attempt) throw known;
        run.failed = true;
        log.warn({ resource: resource.key, error: known.message }, "a stop has failed; it will be tried again");
        throw known;
      }
    },
    isAcknowledged: (key) => runs.get(key)?.acknowledged ?? true,
  };
}
