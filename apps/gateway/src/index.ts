export { createGateway } from "./compose.js";
