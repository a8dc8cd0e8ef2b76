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
import { type Clock, every, type Logger, linesOf, type Timer, VigilError } from "@vigil/shared";
import { createClockSteps } from "./clock-steps.js";
import { createEscalation, type Escalation, type EscalationStep } from "./escalation.js";
import { createHoldRelease } from "./hold-release.js";
import type { OutputLines } from "./output-lines.js";
import type { GuardedResource, PartResources } from "./part-resources.js";
import type { RearmMemory } from "./rearm-memory.js";
import { createStopRunner } from "./stop-runner.js";
import { feedWatchdogs } from "./watchdog-feeder.js";

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

/** With what goes beyond the guard's own inputs: escalations, and what a re-arm means outside the guard. */
export interface PartGuardRunner extends GuardRunner {
  /** A person re-arms the resource's group: its lines are made active, and it is forgotten. False: it did not wait. */
  rearm(resource: string): boolean;
  /** The stop at the start is done, or has had its time: lines become active, but for those that wait for a person. */
  activateLines(): void;
  readonly emergencyStop: Escalation["emergencyStop"];
}

export interface GuardRunnerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly resources: PartResources;
  /** How a command that stops something reaches other parts. */
  readonly robot: CallHandler;
  readonly memory: Pick<RearmMemory, "recalled" | "remember" | "forget">;
  readonly lines: Pick<OutputLines, "cut" | "restore">;
  /** CLOCK_BOOTTIME in ms. */
  bootTimeMs(): number;
  /** A step of an escalation was taken. */
  escalated(resource: GuardedResource, step: EscalationStep, ok: boolean): void;
  askLeases(): void;
  report(event: GuardEvent): void;
  ticked(tick: number): void;
}

export function createGuardRunner(deps: GuardRunnerDeps, options: Omit<GuardOptions, "groups">): PartGuardRunner {
  const { clock, log, memory } = deps;
  const outcomes = new Map<number, CallOutcome>();
  const stops = createStopRunner(deps);
  const groups = deps.resources.groups();
  const membersOf = new Map(
    groups.flatMap((group) => {
      const names = group.map(({ name }) => name);
      return names.map((name) => [name, names] as const);
    }),
  );
  const holds = createHoldRelease(clock, (key) => {
    log.info({ resource: key }, "its hold has lasted long enough: it is stopped");
    runner.run((inner, now) => inner.stopResource(key, "released", now));
  });
  const escalation = createEscalation({
    clock,
    log,
    taken: deps.escalated,
    isAcknowledged: stops.isAcknowledged,
    cutLine: deps.lines.cut,
    requireRearm(key) {
      runner.run((inner, now) => inner.requireRearm(key, "e_stop", now));
      return memory.remember([key], "e_stop");
    },
  });
  const clockSteps = createClockSteps(clock, deps.bootTimeMs);
  let timer: Timer | undefined;
  let armedFor = Infinity;
  /** Inputs of the guard under way, one within the other. */
  let depth = 0;
  /** Logs and links can wait: what an input stops is commanded first, all of it. */
  const untold: GuardEvent[] = [];
  const tell = () => {
    for (const event of untold.splice(0)) deps.report(event);
  };

  const effects: GuardEffects = {
    start(call) {
      for (const name of membersOf.get(call.resource) ?? []) holds.over(name);
      outcomes.get(call.id)?.start();
    },
    refuse(call, error) {
      outcomes.get(call.id)?.refuse(error);
      outcomes.delete(call.id);
    },
    abort: (call, error) => outcomes.get(call.id)?.abort(error),
    stop(key, attempt, cause) {
      holds.over(key);
      const waits = guard.awaitsRearm(key);
      const resource = deps.resources.byKey(key)!;
      const attempted = stops.attempt(resource, attempt, cause);
      // Begun at once, and on the disk before the stop counts: a part that dies then still knows of it. A slow disk must
      // not make the stop fail.
      const patienceMs = Math.min(resource.settings.safety.stopTimeoutMs, resource.escalateAfterMs) / 2;
      const remembered = waits && memory.remember([key], waits, patienceMs);
      (remembered ? attempted.then(() => remembered) : attempted).then(
        () => runner.run((inner, now) => inner.stopAcknowledged(key, attempt, now)),
        () => runner.run((inner, now) => inner.stopFailed(key, attempt, now)),
      );
    },
    escalate: (key) => escalation.begin(deps.resources.byKey(key)!),
    askLeases: deps.askLeases,
    report(event) {
      if (event.kind === "stop" && event.acknowledgedAt !== undefined && event.cause !== "released") {
        holds.held(deps.resources.byKey(event.resource)!);
      }
      untold.push(event);
      if (depth === 0) tell();
    },
  };
  const guard = createGuard(effects, { ...options, groups });

  const linesIn = (key: string) => linesOf(deps.resources.byKey(key)!.settings.safety.escalate);

  function restoreLines(keys: readonly string[]): void {
    const others = deps.resources.all.filter(({ key }) => guard.awaitsRearm(key) === "e_stop");
    const cut = others.flatMap(({ key }) => linesIn(key));
    for (const line of keys.flatMap(linesIn)) {
      // What else it stops may not be safe yet.
      if (cut.some(({ chip, line: number }) => chip === line.chip && number === line.line)) continue;
      try {
        deps.lines.restore(line);
      } catch (error) {
        log.error({ error: VigilError.from(error).message }, "an output line stays inactive");
      }
    }
  }

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
      depth += 1;
      try {
        return input(guard, clock.now());
      } finally {
        depth -= 1;
        if (depth === 0) tell();
        arm();
      }
    },
    request(call, outcome) {
      noticeSleep();
      outcomes.set(call.id, outcome);
      runner.run((inner, now) => inner.request(call, now));
    },
    settled(callId) {
      outcomes.delete(callId);
      runner.run((inner, now) => inner.settled(callId, now));
    },
    rearm(resource) {
      if (!runner.run((inner, now) => inner.rearm(resource, now))) return false;
      const members = membersOf.get(resource) ?? [];
      restoreLines(members);
      memory.forget(members);
      return true;
    },
    activateLines: () => restoreLines(deps.resources.all.map(({ key }) => key)),
    emergencyStop: escalation.emergencyStop,
    close() {
      holds.close();
      escalation.close();
      turn.cancel();
      timer?.cancel();
    },
  };
  for (const [key, reason] of memory.recalled) {
    log.warn({ resource: key, reason }, "it waits to be re-armed by a person, since before this start");
    runner.run((inner, now) => inner.requireRearm(key, reason, now));
  }
  return runner;
}
