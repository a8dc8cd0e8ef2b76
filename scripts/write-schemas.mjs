// Writes the published JSON Schemas of the configuration files into docs/schema. Run it after a change of the schemas
// in packages/shared/src/config; a test fails until it has been run.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configJsonSchemas } from "../packages/shared/dist/index.js";

const directory = new URL("../docs/schema/", import.meta.url);
mkdirSync(directory, { recursive: true });
for (const [name, schema] of Object.entries(configJsonSchemas())) {
  writeFileSync(new URL(`${name}.schema.json`, directory), `${JSON.stringify(schema, null, 2)}\n`);
}
// In the project's own format, so that the check of the format has nothing to say.
const biome = new URL("../node_modules/.bin/biome", import.meta.url);
execFileSync(fileURLToPath(biome), ["format", "--write", fileURLToPath(directory)], { stdio: "inherit" });
