import { loadPartConfig, runApp } from "@vigil/shared";
import { createPartAgent, VERSION } from "./compose.js";

await runApp({
  name: "part-agent",
  version: VERSION,
  load: loadPartConfig,
  start: createPartAgent,
});
