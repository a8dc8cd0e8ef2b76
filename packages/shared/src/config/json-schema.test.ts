import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contextOf, VALID_PART } from "./config-fixtures.js";
import { configJsonSchemas } from "./json-schema.js";
import { loadPartConfig } from "./part-config.js";

for (const [name, schema] of Object.entries(configJsonSchemas())) {
  test(`docs/schema/${name}.schema.json is up to date`, () => {
    const file = new URL(`../../../../docs/schema/${name}.schema.json`, import.meta.url);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), schema, "run: node scripts/write-schemas.mjs");
  });
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly description?: string;
}

/** Every key of an object's schema, with those of the objects in it: "escalate.e_stop[].gpio.line". */
function keysOf(schema: Schema | undefined, prefix = ""): string[] {
  return Object.entries(schema?.properties ?? {}).flatMap(([key, value]) => {
    const name = `${prefix}${key}`;
    return [name, ...keysOf(value, `${name}.`), ...keysOf(value.items, `${name}[].`)];
  });
}

test("the published schema has every key of safety, and says what it is for", () => {
  const part = configJsonSchemas().part as Schema;
  const safety = part.properties?.components?.items?.properties?.safety;
  const write = ["path", "text", "hex", "baud_rate", "gpio", "gpio.chip", "gpio.line", "gpio.active_low"];
  assert.deepEqual(
    keysOf(safety).sort(),
    [
      "do_command",
      "do_command.command",
      "escalate",
      "escalate.after",
      "escalate.e_stop",
      "escalate.emergency_stop",
      "escalate.end_process",
      ...write.map((key) => `escalate.e_stop[].${key}`),
      ...write.map((key) => `escalate.emergency_stop[].${key}`),
      "hold",
      "hold.release_after",
      "monitored",
      "policy",
      "ramp",
      "ramp.duration",
      "rearm",
      "retries",
      "stop_timeout",
    ].sort(),
  );
  assert.ok(part.properties?.state_directory?.description);
  for (const [key, { description }] of Object.entries(safety?.properties ?? {})) assert.ok(description, key);
  for (const [key, { description }] of Object.entries(safety?.properties?.escalate?.properties ?? {})) {
    assert.ok(description, key);
  }
});

test("the example of docs/safety.md is a valid component", () => {
  const text = readFileSync(new URL("../../../../docs/safety.md", import.meta.url), "utf8");
  const [, example] = /```json\n(\{\n {2}"name"[\s\S]*?)```/.exec(text) ?? [];
  const file = JSON.stringify({ ...VALID_PART, components: [JSON.parse(example ?? "")] });
  assert.deepEqual(loadPartConfig(file, contextOf()).problems, []);
});
