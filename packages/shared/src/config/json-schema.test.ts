import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { configJsonSchemas } from "./json-schema.js";

for (const [name, schema] of Object.entries(configJsonSchemas())) {
  test(`docs/schema/${name}.schema.json is up to date`, () => {
    const file = new URL(`../../../../docs/schema/${name}.schema.json`, import.meta.url);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), schema, "run: node scripts/write-schemas.mjs");
  });
}
