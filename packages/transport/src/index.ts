export * from "./answerer.js";
export * from "./attached-networks.js";
export * from "./challenger.js";
export * from "./dialer.js";
export * from "./knock.js";
export * from "./peer.js";
