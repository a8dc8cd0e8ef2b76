import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import fc from "fast-check";
import { createRuleTable, parseHttpRule } from "./http-rules.js";

const table = createRuleTable(
  [
    "PUT /component/motor/{name}/power",
    "GET /component/motor/{name}/position",
    "GET /component/{kind}/{name}/position",
    "POST /sessions",
    "POST /sessions/{id}/heartbeat",
    "GET /poses/{pose.name}",
  ].map((text) => [parseHttpRule(text), text] as const),
);

test("a path leads to its method and gives the fields in it", () => {
  assert.deepEqual(table.match("PUT", "/component/motor/left/power"), {
    kind: "found",
    target: "PUT /component/motor/{name}/power",
    fields: new Map([["name", "left"]]),
  });
  assert.deepEqual(table.match("GET", "/poses/here"), {
    kind: "found",
    target: "GET /poses/{pose.name}",
    fields: new Map([["pose.name", "here"]]),
  });
});

test("every name comes through a path whole, whatever it is made of", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (name) => {
      const match = table.match("PUT", `/component/motor/${encodeURIComponent(name)}/power`);
      assert.equal(match.kind === "found" && match.fields.get("name"), name);
    }),
  );
});

test("the rule with more literal segments wins, whatever the order", () => {
  const found = (path: string) => {
    const match = table.match("GET", path);
    return match.kind === "found" && match.target;
  };
  assert.equal(found("/component/motor/left/position"), "GET /component/motor/{name}/position");
  assert.equal(found("/component/servo/left/position"), "GET /component/{kind}/{name}/position");
});

test("another verb on a known path is told apart from an unknown path", () => {
  assert.deepEqual(table.match("GET", "/component/motor/left/power"), { kind: "wrong_verb", allowed: ["PUT"] });
  for (const path of [
    "",
    "/",
    "sessions",
    "/sessions/",
    "//sessions",
    "/session",
    "/component/motor//power",
    "/component/motor/%zz/power",
    "/component/motor/a/b/power",
    "/sessions/x/heartbeat/more",
  ]) {
    assert.deepEqual(table.match("POST", path), { kind: "none" }, path);
  }
});

test("what is no rule is refused with its text", () => {
  for (const text of [
    "",
    "PUT",
    "put /a",
    "PUT a",
    "PUT /",
    "PUT /a//b",
    "PUT /a/",
    "PUT /{}",
    "PUT /{a",
    "PUT /{a=b/*}",
    "PUT /**",
    "HEAD /a",
  ]) {
    assert.throws(
      () => parseHttpRule(text),
      (error: unknown) => error instanceof VigilError && error.message.includes(`"${text}"`),
    );
  }
});
