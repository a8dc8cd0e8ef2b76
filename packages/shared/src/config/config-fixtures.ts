import type { ConfigContext } from "./config-context.js";
import type { Problem } from "./problem.js";

/** A context without a file system, for tests. */
export function contextOf(
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): ConfigContext {
  return {
    env,
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
  };
}

/** Problems as "severity path", the way tests compare them. */
export function places(problems: readonly Problem[], severity?: Problem["severity"]): string[] {
  return problems
    .filter((problem) => severity === undefined || problem.severity === severity)
    .map((problem) => `${problem.severity} ${problem.path}`)
    .sort();
}

export const SECRET = "0123456789abcdef0123";

export const VALID_GATEWAY = {
  robot: "bot",
  network: { bind_address: "127.0.0.1:8080", sessions: { heartbeat_window: "500ms" } },
  auth: { handlers: [{ type: "api-key", config: { id1: "key1", keys: ["id1"] } }] },
  leases: { store: "redis", url: "redis://127.0.0.1:6379/0" },
  parts: [
    { name: "main", secret: SECRET },
    { name: "arm", secret: SECRET, prefix: "a-", max_command_age: "200ms" },
  ],
  webrtc: { udp_ports: "20000-20999", host_addresses: ["10.0.0.1"], ice_servers: [{ urls: "stun:10.0.0.2" }] },
  implicit: { quiet_limit: "off" },
  stop_group: "part",
  proxied: true,
  metrics: { bind_address: ":9000" },
};

export const VALID_PART = {
  part: { name: "arm", gateway: "ws://127.0.0.1:8080", secret: SECRET },
  components: [
    {
      name: "left",
      type: "motor",
      model: "fake",
      safety: { policy: "ramp", ramp: { duration: "300ms" }, rearm: "manual" },
    },
    {
      name: "base",
      api: "rdk:component:base",
      model: "rdk:builtin:fake",
      depends_on: ["left"],
      attributes: { left: ["left"] },
    },
  ],
  services: [{ type: "motion" }],
  modules: [{ name: "mod", executable_path: "/opt/mod", type: "local", env: { A: "b" } }],
  remotes: [{ name: "far", address: "10.0.0.9:8080", prefix: "f-" }],
  network: { sessions: { heartbeat_window: "3s" } },
  leases: { store: "gateway" },
};
