export type {
  ClientConnection,
  CloseCause,
  ClosedEvent,
  ConnectionEvents,
  ConnectionKind,
} from "./client-connection.js";
export { isCannotListen } from "./listener.js";
export type { Caller, PortCallHandler } from "./open-call.js";
export { createOriginPolicy, type OriginPolicy, type OriginPolicyOptions, type Verdict } from "./origin-policy.js";
export { createPolicyHook, createPort, type Port, type PortDeps, type PortLog, type PortOptions } from "./port.js";
export { callerAddress } from "./port-side.js";
