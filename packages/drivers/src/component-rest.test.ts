import assert from "node:assert/strict";
import { test } from "node:test";
import { loadComponents } from "./load-components.js";

test("every method has a REST path, unless its client streams", async () => {
  for (const { api, service, rest = {} } of await loadComponents()) {
    const withPath = service.methods.filter(({ methodKind }) => !/client|bidi/.test(methodKind));
    assert.deepEqual(Object.keys(rest).sort(), withPath.map(({ name }) => name).sort(), api.subtype);
  }
});

test("REST paths are rules of their own API that name the resource, and no two are the same", async () => {
  const all = (await loadComponents()).flatMap(({ api, rest = {} }) => {
    for (const rule of Object.values(rest)) {
      const [verb, path] = rule.split(" ");
      assert.match(verb!, /^(GET|PUT|POST)$/, rule);
      assert.ok(path?.startsWith(`/${api.type}/${api.subtype}/{name}/`), rule);
    }
    return Object.values(rest);
  });
  assert.equal(new Set(all).size, all.length);
});
