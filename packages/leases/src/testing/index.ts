export * from "./clock-shim.js";
export * from "./forwarder.js";
export * from "./logs.js";
export * from "./test-redis.js";
export * from "./virtual-clock.js";
