export type {
  ClientConnection,
  CloseCause,
  ClosedEvent,
  ConnectionEvents,
  ConnectionKind,
} from "./client-connection.js";
export type { Caller, PortCallHandler } from "./open-call.js";
export type { OriginPolicy, OriginPolicyOptions, Verdict } from "./origin-policy.js";
export { createPort, type Port, type PortDeps, type PortLog, type PortOptions } from "./port.js";
export { callerAddress } from "./port-side.js";
