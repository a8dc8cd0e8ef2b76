import type { Guard } from "@vigil/safety";
import type { PartResources } from "./part-resources.js";

/**
 * Feeds the watchdogs of devices while a live lease lets them move, and at no other time (rules.md, R7). To be called in
 * the turn in which the guard has just done all that was due: whoever still owns a group then may go on moving it.
 */
export function feedWatchdogs(guard: Guard, resources: PartResources, now: number): void {
  // Nothing changes before the guard's next due instant, unless something new is heard.
  const validForMs = guard.dueAt() - now;
  if (!(validForMs > 0)) return;
  for (const { resources: keys, owner, stopping } of guard.groups()) {
    if (owner === undefined || stopping) continue;
    for (const key of keys) resources.byKey(key)?.resource.feed?.(validForMs);
  }
}
