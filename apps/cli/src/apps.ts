import { fileURLToPath } from "node:url";

/** The program of an app: main.js beside the module that its package exports. */
export function appMain(app: "gateway" | "part-agent"): string {
  const module = app === "gateway" ? import.meta.resolve("@vigil/gateway") : import.meta.resolve("@vigil/part-agent");
  return fileURLToPath(new URL("./main.js", module));
}
