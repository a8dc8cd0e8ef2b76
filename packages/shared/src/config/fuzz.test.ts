import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contextOf, SECRET, VALID_GATEWAY, VALID_PART } from "./config-fixtures.js";
import { loadGatewayConfig } from "./gateway-config.js";
import { type Loaded, loadPartConfig } from "./part-config.js";
import { loadRobotConfig } from "./robot-config.js";

const context = contextOf();
const { part: _part, ...machine } = VALID_PART;
const VALID_ROBOT = {
  ...machine,
  robot: "bot",
  leases: { store: "memory" },
  parts: { arm: { components: machine.components } },
};
const LOADERS: readonly [string, object, (text: string) => Loaded<unknown>][] = [
  ["gateway", VALID_GATEWAY, (text) => loadGatewayConfig(text, context)],
  ["part", VALID_PART, (text) => loadPartConfig(text, context)],
  ["robot", VALID_ROBOT, (text) => loadRobotConfig(text, context, { secretOf: () => SECRET })],
];

/** Either a configuration, or a fatal problem that says why not; never both, never a throw. */
function assertAnswered({ config, problems }: Loaded<unknown>): void {
  const fatal = problems.some((problem) => problem.severity === "fatal");
  assert.equal(config === undefined, fatal);
  for (const problem of problems) assert.match(`${problem.path}${problem.message}`, /^[\x20-\x7e]+$/);
}

/** `value` with one place of it replaced or removed; `choices` picks the way down. */
function mutate(value: unknown, choices: readonly number[], replacement: unknown): unknown {
  const [choice, ...rest] = choices;
  if (choice === undefined || typeof value !== "object" || value === null) return replacement;
  const keys = Object.keys(value);
  if (keys.length === 0) return replacement;
  const key = keys[choice % keys.length]!;
  const child = mutate((value as Record<string, unknown>)[key], rest, replacement);
  if (Array.isArray(value)) return value.map((item, index) => (String(index) === key ? child : item));
  return { ...value, [key]: child };
}

const jsonValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    "2s",
    "main",
    "__proto__",
    `$${"{X}"}`,
    "rdk:component:motor",
    "redis://h",
    { env: "X" },
    { __proto__: null, a: 1 },
  ),
);

for (const [name, valid, load] of LOADERS) {
  test(`${name}: the valid file loads`, () => assert.notEqual(load(JSON.stringify(valid)).config, undefined));

  test(`${name}: arbitrary text and JSON never throw`, () => {
    fc.assert(
      fc.property(fc.string(), (text) => assertAnswered(load(text))),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.json(), (text) => assertAnswered(load(text))),
      { numRuns: 300 },
    );
  });

  test(`${name}: a valid file with one place changed never throws`, () => {
    const places = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(places, jsonValue, (choices, replacement) => {
        assertAnswered(load(JSON.stringify(mutate(valid, choices, replacement))));
      }),
      { numRuns: 1500 },
    );
  });

  test(`${name}: a valid file with characters cut out never throws`, () => {
    const text = JSON.stringify(valid, null, 1);
    fc.assert(
      fc.property(fc.nat({ max: text.length }), fc.nat({ max: 40 }), (from, count) => {
        assertAnswered(load(text.slice(0, from) + text.slice(from + count)));
      }),
      { numRuns: 500 },
    );
  });
}
