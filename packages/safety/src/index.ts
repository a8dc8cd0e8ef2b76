export * from "./bounds.js";
export * from "./fence.js";
export * from "./guard.js";
export * from "./lease-view.js";
export type { GuardCall } from "./motion-group.js";
export * from "./session-table.js";
export type { StopOutcome, StopSettings } from "./stop-plan.js";
