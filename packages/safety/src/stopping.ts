import { VigilError } from "@vigil/shared";
import type { Calls } from "./calls.js";
import { type GuardEffects, LOSSES, type StopCause } from "./guard-events.js";
import { isMotion, isSettling, type MotionGroup, type StopRun } from "./motion-group.js";
import { createStopPlan, type StopOutcome, type StopSettings, stopBackoffMs } from "./stop-plan.js";

/** Stops motion groups, all resources in parallel, until nothing can move them any more (rules.md, R5 and R7). */
export interface Stopping {
  /** Stops the group at once, again if it is being stopped already. */
  begin(group: MotionGroup, cause: StopCause, session: string | undefined, now: number): void;
  /** Stops one resource of the group, which takes no motion until that is acknowledged. */
  beginOne(group: MotionGroup, resource: string, cause: StopCause, now: number): void;
  /** A call in the group has settled: what came after the last Stop may have moved it (R5). */
  callSettled(group: MotionGroup, now: number): void;
  acknowledged(group: MotionGroup, resource: string, attempt: number, now: number): void;
  failed(group: MotionGroup, resource: string, attempt: number, now: number): void;
  poll(now: number): void;
  dueAt(): number;
  isUnderWay(): boolean;
}

/** Why a stop is begun, and on whose behalf; see {@link StopRun}. */
interface Why {
  readonly cause: StopCause;
  readonly session: string | undefined;
}

export function createStopping(effects: GuardEffects, calls: Calls, groups: readonly MotionGroup[]): Stopping {
  function start(group: MotionGroup, resource: string, settings: StopSettings, why: Why, now: number): void {
    const plan = createStopPlan(
      settings,
      {
        // The plan's first attempt is made before the run that holds it stands in the group.
        attempt: (attempt) => effects.stop(resource, attempt, group.stops.get(resource)?.newestCause ?? why.cause),
        escalate() {
          // Told at once: the report of its acknowledgement may be long in coming.
          report(group, resource, "escalated");
          effects.escalate(resource);
        },
        gaveWarning: () => report(group, resource),
      },
      now,
    );
    group.stops.set(resource, { plan, ...why, newestCause: why.cause, repeats: 0, repeatAt: Infinity });
  }

  function report(group: MotionGroup, resource: string, outcome?: StopOutcome): void {
    const run = group.stops.get(resource);
    if (!run) return;
    const { plan: of, session, cause } = run;
    effects.report({
      kind: "stop",
      session,
      cause,
      resource,
      sentAt: of.startedAt,
      acknowledgedAt: of.acknowledgedAt,
      attempts: of.attempts,
      outcome: outcome ?? of.outcome,
    });
  }

  function stop(group: MotionGroup, resource: string, settings: StopSettings, why: Why, now: number): void {
    const run = group.stops.get(resource);
    if (!run) return start(group, resource, settings, why, now);
    run.session ??= why.session;
    run.newestCause = why.cause;
    if (LOSSES.has(why.cause) && !LOSSES.has(run.cause)) run.cause = why.cause;
    again(run, now);
  }

  function again(run: StopRun, now: number): void {
    run.repeatAt = Infinity;
    run.plan.again(now);
  }

  /**
   * A handler that ignores its abort keeps the group stopping. What it had on a slow bus may land after the stop, and
   * nobody would be told: so the stop is repeated until the handler has settled (R5; scenario 31).
   */
  function repeatLater(group: MotionGroup, resource: string, run: StopRun, now: number): void {
    if (!isSettling(group) || run.plan.acknowledgedAt === undefined || run.repeatAt !== Infinity) return;
    run.repeats += 1;
    run.repeatAt = now + stopBackoffMs(run.repeats);
    if (run.repeats === group.stoppable.get(resource)!.retries + 1) report(group, resource, "failed");
  }

  /** A group leaves `stopping` when nothing in flight can move it and each of its stops is acknowledged (R5). */
  function finish(group: MotionGroup): void {
    if (group.stops.size === 0 || isSettling(group)) return;
    for (const { plan: of } of group.stops.values()) if (of.acknowledgedAt === undefined) return;
    for (const resource of group.stops.keys()) report(group, resource);
    group.stops.clear();
  }

  return {
    begin(group, cause, session, now) {
      // A caller that gives its command up still is who moved it last: its loss counts as such (R5).
      if (cause !== "cancelled") group.owner = undefined;
      group.endless.clear();
      group.users.clear();
      for (const entry of [...group.inFlight.values()]) {
        if (isMotion(entry.call)) {
          calls.abort(entry, new VigilError("stopping", `${entry.call.resource} is being stopped`));
        } else if (!entry.aborted) group.users.add(entry.call.session);
      }
      calls.dropSuccessor(
        group,
        "stopping",
        "the resource is being stopped; send the command again once it has stopped",
      );
      if (LOSSES.has(cause) && session !== undefined && group.rearm === "manual") group.awaitsRearm ??= "loss";
      for (const [resource, settings] of group.stoppable) {
        stop(group, resource, settings, { cause, session }, now);
      }
    },
    beginOne(group, resource, cause, now) {
      const settings = group.stoppable.get(resource);
      if (settings) stop(group, resource, settings, { cause, session: undefined }, now);
    },
    callSettled(group, now) {
      for (const run of group.stops.values()) again(run, now);
    },
    acknowledged(group, resource, attempt, now) {
      const run = group.stops.get(resource);
      if (!run) return;
      run.plan.acknowledged(attempt, now);
      repeatLater(group, resource, run, now);
      finish(group);
    },
    failed: (group, resource, attempt, now) => group.stops.get(resource)?.plan.failed(attempt, now),
    poll(now) {
      for (const group of groups) {
        for (const run of [...group.stops.values()]) {
          run.plan.poll(now);
          if (now >= run.repeatAt) again(run, now);
        }
      }
    },
    dueAt() {
      let due = Infinity;
      for (const group of groups) {
        for (const run of group.stops.values()) due = Math.min(due, run.plan.dueAt(), run.repeatAt);
      }
      return due;
    },
    isUnderWay: () => groups.some((group) => group.stops.size > 0),
  };
}
