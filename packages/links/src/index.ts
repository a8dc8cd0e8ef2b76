export * from "./control.js";
export * from "./frame-sender.js";
export * from "./handshake.js";
export * from "./lease-frames.js";
export * from "./link-calls.js";
export * from "./link-frame.js";
export * from "./proofs.js";
export * from "./relayed.js";
