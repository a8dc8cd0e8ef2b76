export type { BindAddress } from "./address.js";
export { isLoopback, parseBindAddress } from "./address.js";
export type { AuthConfig, ExternalKey } from "./auth-config.js";
export { type ConfigKind, checkConfig } from "./check-config.js";
export { type ConfigContext, createConfigContext } from "./config-context.js";
export {
  type GatewayConfig,
  type GatewayPartConfig,
  loadGatewayConfig,
  type WebRtcConfig,
} from "./gateway-config.js";
export { configJsonSchemas } from "./json-schema.js";
export type { GatewayLeasesConfig, PartLeasesConfig, RedisLeasesConfig } from "./leases-config.js";
export type { ModuleConfig, RemoteConfig } from "./module-config.js";
export { type Loaded, loadPartConfig, type MachineConfig, type PartConfig } from "./part-config.js";
export { formatProblem, type Problem, type Severity } from "./problem.js";
export type { ApiConfig, FrameConfig, ResourceConfig } from "./resource-config.js";
export { type FileContent, gatewayUrl, loadRobotConfig, type RobotConfig, type RobotOptions } from "./robot-config.js";
export type {
  ByteWrite,
  DeviceWrite,
  EscalateConfig,
  GpioLine,
  LineCut,
  SafetyConfig,
  StopPolicy,
} from "./safety-config.js";
export { linesOf } from "./safety-config.js";
