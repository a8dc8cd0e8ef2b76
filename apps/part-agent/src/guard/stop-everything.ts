import type { GuardEvent } from "@vigil/safety";
import { type Clock, VigilError } from "@vigil/shared";
import type { PartGuardRunner } from "./guard-runner.js";
import type { PartResources } from "./part-resources.js";

/** Outcome of stopping one resource, by its key; `error` empty: acknowledged. */
export interface StoppedResource {
  readonly name: string;
  readonly error: string;
}

/** Stops every resource of the part and waits for the acknowledgements. */
export interface StopEverything {
  /** @param withinMs how long to wait; what is not acknowledged by then is told as an error, and goes on being stopped. */
  run(cause: "startup" | "stop_all" | "shutdown", withinMs: number): Promise<readonly StoppedResource[]>;
  /** To be told of each event of the guard. */
  noticed(event: GuardEvent): void;
}

export function createStopEverything(deps: {
  readonly clock: Clock;
  readonly resources: PartResources;
  runner(): PartGuardRunner;
}): StopEverything {
  const waiting = new Set<{ readonly missing: Set<string>; check(): void }>();
  return {
    async run(cause, withinMs) {
      const stoppable = deps.resources.all.filter(({ isStoppable }) => isStoppable).map(({ key }) => key);
      const missing = new Set(stoppable);
      await new Promise<void>((resolve) => {
        const wait = {
          missing,
          check() {
            if (missing.size > 0) return;
            timer.cancel();
            waiting.delete(wait);
            resolve();
          },
        };
        const timer = deps.clock.after(withinMs, () => {
          waiting.delete(wait);
          resolve();
        });
        waiting.add(wait);
        deps.runner().run((guard, now) => guard.stopAll(cause, now));
        wait.check();
      });
      return stoppable.map((name) => ({
        name,
        error: missing.has(name) ? new VigilError("driver", `${name} has not acknowledged its stop`).message : "",
      }));
    },
    noticed(event) {
      if (event.kind !== "stop" || event.acknowledgedAt === undefined) return;
      for (const wait of [...waiting]) {
        wait.missing.delete(event.resource);
        wait.check();
      }
    },
  };
}
