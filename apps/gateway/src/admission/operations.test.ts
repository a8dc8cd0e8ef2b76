import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom } from "@vigil/shared";
import { createOperations, type Operation } from "./operations.js";

const operation = (id: string, session: string, part: string): Operation => ({
  id,
  method: "/a/B",
  connection: "c",
  startedAt: 0,
  session,
  part,
  parent: undefined,
  hops: 0,
  cancel() {},
});

test("calls that a closing connection took with it are told of once, by session and part", () => {
  const operations = createOperations(systemRandom);
  for (const [id, session, part] of [
    ["1", "s", "main"],
    ["2", "s", "arm"],
    ["3", "other", "arm"],
  ] as const) {
    operations.add(operation(id, session, part));
    operations.abandon(id, 1000);
    operations.finish(id);
  }
  assert.deepEqual(
    operations.abandonedOf("s", 1010),
    new Map([
      ["main", 1],
      ["arm", 1],
    ]),
  );
  assert.deepEqual(operations.abandonedOf("s", 1010), new Map());
});

test("a call that its client gave up long before is no victim of the end", () => {
  const operations = createOperations(systemRandom);
  operations.add(operation("1", "s", "main"));
  operations.abandon("1", 1000);
  operations.finish("1");
  assert.deepEqual(operations.abandonedOf("s", 5000), new Map());
});
