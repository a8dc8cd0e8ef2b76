export { createFrameSocket } from "./control-socket.js";
export type { PartLink } from "./part-link.js";
export { createPartLinks, type PartLinks } from "./part-links.js";
