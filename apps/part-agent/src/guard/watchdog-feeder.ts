import type { Guard } from "@vigil/safety";
import type { PartResources } from "./part-resources.js";

/** Feeds the watchdogs of devices while a live lease lets them move, and at no other time (rules.md, R7). */
export function feedWatchdogs(guard: Guard, resources: PartResources, now: number): void {
  for (const { key, resource } of resources.all) {
    if (!resource.feed) continue;
    const validForMs = guard.ownerValidForMs(key, now);
    if (validForMs > 0) resource.feed(validForMs);
  }
}
