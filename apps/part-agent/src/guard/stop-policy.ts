import type { Resource } from "@vigil/drivers";
import type { SafetyConfig } from "@vigil/shared";

/** How the guard stops a resource (rules.md, R7). */
export type StopAction =
  | { readonly kind: "none" | "stop" }
  | { readonly kind: "hold"; readonly releaseAfterMs: number | undefined }
  | { readonly kind: "ramp"; readonly durationMs: number }
  | { readonly kind: "do_command"; readonly command: Readonly<Record<string, unknown>> };

/** A resource and its `safety` key. */
export interface PolicyHolder {
  readonly resource: Resource;
  readonly settings: { readonly safety: SafetyConfig };
}

/**
 * What a resource's policy comes to. The wheels of a base that ramps ramp with it: their own plain stops, which come at
 * the same instant since all are one motion group, would cut the ramp short.
 */
export function stopActionOf(holder: PolicyHolder, all: readonly PolicyHolder[]): StopAction {
  const { resource, settings } = holder;
  const own = ownAction(resource, settings.safety);
  if (own.kind !== "stop") return own;
  const drivers = all.filter((other) => other.resource.drives.includes(resource.name));
  const durations = drivers
    .map((driver) => ownAction(driver.resource, driver.settings.safety))
    .map((action) => (action.kind === "ramp" ? action.durationMs : 0));
  const durationMs = Math.max(0, ...durations);
  return durationMs > 0 ? { kind: "ramp", durationMs } : own;
}

function ownAction(resource: Resource, { policy, hold, ramp, doCommand }: SafetyConfig): StopAction {
  if (policy === "do_command") return { kind: policy, command: doCommand?.command ?? {} };
  if (policy === "none" || resource.stop === undefined) return { kind: "none" };
  if (policy === "hold") return { kind: policy, releaseAfterMs: hold?.releaseAfterMs };
  if (policy === "ramp") return { kind: policy, durationMs: ramp?.durationMs ?? 0 };
  return { kind: "stop" };
}

/** Time that an action takes by design, in ms: it shifts the attempt's time limit and the escalation. */
export function designedMs(action: StopAction): number {
  return action.kind === "ramp" ? action.durationMs : 0;
}
