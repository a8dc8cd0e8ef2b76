export * from "./exposition.js";
export * from "./loop-lag.js";
export * from "./metrics.js";
export * from "./ops-server.js";
