export * from "./bounds.js";
export * from "./fence.js";
export * from "./guard.js";
export type { GuardEffects, GuardEvent, RearmReason, StopCause } from "./guard-events.js";
export * from "./lease-view.js";
export type { GuardCall, GuardResource } from "./motion-group.js";
export type { DueRenewal, Instants } from "./session-life.js";
export * from "./session-table.js";
export type { StopOutcome, StopSettings } from "./stop-plan.js";
