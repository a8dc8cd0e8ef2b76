import type { CallHandler } from "@vigil/protocol";
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
import { createClockSteps } from "./clock-steps.js";
import { createEscalation, type Escalation, type EscalationStep } from "./escalation.js";
import { createHoldRelease } from "./hold-release.js";
import type { GuardedResource, PartResources } from "./part-resources.js";
import { createStopRunner } from "./stop-runner.js";
import { feedWatchdogs } from "./watchdog-feeder.js";
import { createWithheld } from "./withheld.js";

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

/** With what goes beyond the guard's own inputs: escalations, and stops that cannot wait. */
export interface PartGuardRunner extends GuardRunner {
  /** A person re-arms the resource's group. False: it did not wait for it. */
  rearm(resource: string): boolean;
  awaitsRearm(resource: string): boolean;
  /** Like `run` for a stop of everything that cannot wait for ramps: at the start, for StopAll, at the end. */
  stopAll(cause: "startup" | "stop_all" | "shutdown"): void;
  readonly emergencyStop: Escalation["emergencyStop"];
}

export interface GuardRunnerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly resources: PartResources;
  /** How a command that stops something reaches other parts. */
  readonly robot: CallHandler;
  /** CLOCK_BOOTTIME in ms. */
  bootTimeMs(): number;
  /** A step of an escalation was taken. */
  escalated(resource: GuardedResource, step: EscalationStep, ok: boolean): void;
  askLeases(): void;
  report(event: GuardEvent): void;
  ticked(tick: number): void;
}

export function createGuardRunner(deps: GuardRunnerDeps, options: Omit<GuardOptions, "groups">): PartGuardRunner {
  const { clock, log } = deps;
  const outcomes = new Map<number, CallOutcome>();
  const stops = createStopRunner(deps);
  const groups = deps.resources.groups();
  const withheld = createWithheld(groups);
  const holds = createHoldRelease({ clock, log, during: withheld.during });
  const escalation = createEscalation({
    clock,
    log,
    taken: deps.escalated,
    isAcknowledged: stops.isAcknowledged,
    requireRearm: withheld.requireRearm,
  });
  const sentAt = new Map<string, number>();
  const attempts = new Map<string, number>();
  const clockSteps = createClockSteps(clock, deps.bootTimeMs);
  let timer: Timer | undefined;
  let armedFor = Infinity;

  const effects: GuardEffects = {
    start(call) {
      for (const { name } of groups.find((group) => group.some(({ name }) => name === call.resource)) ?? []) {
        holds.over(name);
      }
      outcomes.get(call.id)?.start();
    },
    refuse(call, error) {
      outcomes.get(call.id)?.refuse(error);
      outcomes.delete(call.id);
    },
    abort: (call, error) => outcomes.get(call.id)?.abort(error),
    stop(key, attempt) {
      const resource = deps.resources.byKey(key)!;
      holds.over(key);
      if (attempt === 1) sentAt.set(key, clock.now());
      attempts.set(key, attempt);
      stops.attempt(resource, attempt).then(
        () => runner.run((guard, now) => guard.stopAcknowledged(key, attempt, now)),
        () => runner.run((guard, now) => guard.stopFailed(key, attempt, now)),
      );
    },
    escalate(key) {
      // Told at once: the report of its acknowledgement may be long in coming.
      deps.report({
        kind: "stop",
        session: undefined,
        cause: "unsettled",
        resource: key,
        sentAt: sentAt.get(key) ?? clock.now(),
        acknowledgedAt: undefined,
        attempts: attempts.get(key) ?? 0,
        outcome: "escalated",
      });
      escalation.begin(deps.resources.byKey(key)!);
    },
    askLeases: deps.askLeases,
    report(event) {
      if (event.kind === "stop" && event.acknowledgedAt !== undefined) {
        holds.held(deps.resources.byKey(event.resource)!);
      }
      deps.report(event);
    },
  };
  const guard = createGuard(effects, { ...options, groups });

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
  /** Before anything that may begin to move: nothing else shows that the computer slept. */
  const noticeSleep = () => {
    if (!clockSteps.look()) return;
    log.warn({}, "the computer slept, or its clock was set: everything is stopped");
    runner.run((inner, now) => inner.clockStepped(now));
  };
  const turn = every(clock, TICK_MS, () => {
    noticeSleep();
    deps.ticked(runner.run((inner, now) => inner.tick(now)));
    runner.run((inner, now) => {
      inner.poll(now);
      feedWatchdogs(inner, deps.resources, now);
    });
  });

  const runner: PartGuardRunner = {
    guard,
    run(input) {
      try {
        return input(guard, clock.now());
      } finally {
        arm();
      }
    },
    request(call, outcome) {
      noticeSleep();
      const refusal = withheld.refusal(call.resource);
      if (refusal) {
        deps.report({ kind: "refused", reason: refusal.reason, resource: call.resource });
        return outcome.refuse(refusal);
      }
      outcomes.set(call.id, outcome);
      runner.run((inner, now) => inner.request(call, now));
    },
    settled(callId) {
      outcomes.delete(callId);
      runner.run((inner, now) => inner.settled(callId, now));
    },
    rearm(resource) {
      const line = withheld.rearm(resource);
      return runner.run((inner, now) => inner.rearm(resource, now)) || line;
    },
    awaitsRearm(resource) {
      const group = guard.groups().find(({ resources }) => resources.includes(resource));
      return group?.awaitsRearm === true || withheld.awaitsRearm(resource);
    },
    stopAll: (cause) => stops.atOnce(() => runner.run((inner, now) => inner.stopAll(cause, now))),
    emergencyStop: escalation.emergencyStop,
    close() {
      holds.close();
      escalation.close();
      turn.cancel();
      timer?.cancel();
    },
  };
  return runner;
}
