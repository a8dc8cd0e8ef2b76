// Writes the published JSON Schemas of the configuration files into docs/schema. Run it after a change of the schemas
// in packages/shared/src/config; a test fails until it has been run.
import { mkdirSync, writeFileSync } from "node:fs";
import { configJsonSchemas } from "../packages/shared/dist/index.js";

const directory = new URL("../docs/schema/", import.meta.url);
mkdirSync(directory, { recursive: true });
for (const [name, schema] of Object.entries(configJsonSchemas())) {
  writeFileSync(new URL(`${name}.schema.json`, directory), `${JSON.stringify(schema, null, 2)}\n`);
}
