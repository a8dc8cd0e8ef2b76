export { createPartAgent } from "./compose.js";
