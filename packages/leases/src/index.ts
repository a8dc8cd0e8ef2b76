export * from "./lease-store.js";
export * from "./memory-store.js";
export * from "./redis-store.js";
export * from "./remote-reader.js";
export * from "./remote-server.js";
