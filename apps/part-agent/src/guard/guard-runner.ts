import {
  createGuard,
  type Guard,
  type GuardCall,
  type GuardEffects,
  type GuardEvent,
  type GuardOptions,
  TICK_MS,
} from "@vigil/safety";
import { type Clock, every, type Logger, type Timer, type VigilError } from "@vigil/shared";
import type { PartResources } from "./part-resources.js";
import { runStop } from "./stop-runner.js";

/** What becomes of a call that asked the guard. */
export interface CallOutcome {
  start(): void;
  refuse(error: VigilError): void;
  abort(error: VigilError): void;
}

/** The guard on this process's clock and timers, joined to the drivers' stops. */
export interface GuardRunner {
  /** One input of the guard, at this instant; what became due by it is timed. */
  run<T>(input: (guard: Guard, now: number) => T): T;
  /** Like `run` for inputs that change nothing: no timers are touched. */
  readonly guard: Guard;
  request(call: GuardCall, outcome: CallOutcome): void;
  /** The call's handler has returned. */
  settled(callId: number): void;
  close(): void;
}

export interface GuardRunnerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly resources: PartResources;
  askLeases(): void;
  report(event: GuardEvent): void;
  ticked(tick: number): void;
}

export function createGuardRunner(deps: GuardRunnerDeps, options: Omit<GuardOptions, "groups">): GuardRunner {
  const { clock, log } = deps;
  const outcomes = new Map<number, CallOutcome>();
  let timer: Timer | undefined;
  let armedFor = Infinity;

  const effects: GuardEffects = {
    start: (call) => outcomes.get(call.id)?.start(),
    refuse(call, error) {
      outcomes.get(call.id)?.refuse(error);
      outcomes.delete(call.id);
    },
    abort: (call, error) => outcomes.get(call.id)?.abort(error),
    stop(key, attempt) {
      const resource = deps.resources.byKey(key)!;
      runStop({ clock, log }, resource).then(
        () => runner.run((guard, now) => guard.stopAcknowledged(key, attempt, now)),
        () => runner.run((guard, now) => guard.stopFailed(key, attempt, now)),
      );
    },
    escalate(key) {
      // What can be done beyond Stop is the driver's to say (docs/drivers.md); this log line is for the person.
      log.error({ resource: key }, "a stop is not acknowledged in time; cut the actuator's power if it moves");
    },
    askLeases: deps.askLeases,
    report: deps.report,
  };
  const guard = createGuard(effects, { ...options, groups: deps.resources.groups() });

  const arm = () => {
    const due = guard.dueAt();
    if (due === armedFor) return;
    timer?.cancel();
    armedFor = due;
    if (due === Infinity) return;
    timer = clock.after(due - clock.now(), () => {
      armedFor = Infinity;
      runner.run((inner, now) => inner.poll(now));
    });
  };
  const turn = every(clock, TICK_MS, () => {
    deps.ticked(runner.run((inner, now) => inner.tick(now)));
    runner.run((inner, now) => inner.poll(now));
  });

  const runner: GuardRunner = {
    guard,
    run(input) {
      try {
        return input(guard, clock.now());
      } finally {
        arm();
      }
    },
    request(call, outcome) {
      outcomes.set(call.id, outcome);
      runner.run((inner, now) => inner.request(call, now));
    },
    settled(callId) {
      outcomes.delete(callId);
      runner.run((inner, now) => inner.settled(callId, now));
    },
    close() {
      turn.cancel();
      timer?.cancel();
    },
  };
  return runner;
}
