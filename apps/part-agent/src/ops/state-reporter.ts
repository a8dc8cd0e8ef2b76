import type { ControlInit } from "@vigil/links";
import { type Clock, every, type Timer } from "@vigil/shared";
import type { PartGuardRunner } from "../guard/guard-runner.js";
import type { PartResources } from "../guard/part-resources.js";

/** Tells the gateway where each motion group stands: on change, and once a second. */
export interface StateReporter {
  close(): void;
}

/** How often the part looks at itself, in ms: a person sees no difference below that. */
const LOOK_MS = 100;
const LONGEST_MS = 1000;

const UNKNOWN = 0;
const STILL = 1;
const MOVING = 2;

export function createStateReporter(deps: {
  readonly clock: Clock;
  readonly resources: PartResources;
  readonly runner: PartGuardRunner;
  started(): boolean;
  send(frame: ControlInit): boolean;
}): StateReporter {
  const moving = new Map<string, number>();
  const asking = new Set<string>();
  let lastText = "";
  let lastSentAt = -Infinity;

  function look(): void {
    for (const { key, resource } of deps.resources.all) {
      // A driver that hangs is asked once and then not again until it has answered.
      if (!resource.isMoving || asking.has(key)) continue;
      asking.add(key);
      resource.isMoving().then(
        (isMoving) => {
          asking.delete(key);
          moving.set(key, isMoving ? MOVING : STILL);
        },
        () => {
          asking.delete(key);
          moving.set(key, UNKNOWN);
        },
      );
    }
  }

  const timer: Timer = every(deps.clock, LOOK_MS, () => {
    const states = {
      started: deps.started(),
      groups: deps.runner.guard.groups().map((group) => ({
        resources: group.resources.map((key) => ({
          name: deps.resources.byKey(key)!.config.name,
          moving: moving.get(key) ?? UNKNOWN,
        })),
        owner: group.owner ?? "",
        users: [...group.users],
        stopping: group.stopping,
        awaitsRearm: group.awaitsRearm !== undefined,
      })),
    };
    look();
    const text = JSON.stringify(states);
    const now = deps.clock.now();
    if (text === lastText && now - lastSentAt < LONGEST_MS) return;
    if (!deps.send({ case: "states", value: states })) return;
    lastText = text;
    lastSentAt = now;
  });
  return { close: () => timer.cancel() };
}
