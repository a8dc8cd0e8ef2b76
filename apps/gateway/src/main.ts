import { loadGatewayConfig, runApp } from "@vigil/shared";
import { createGateway, VERSION } from "./compose.js";

await runApp({
  name: "gateway",
  version: VERSION,
  load: loadGatewayConfig,
  start: createGateway,
});
