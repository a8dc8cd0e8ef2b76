import assert from "node:assert/strict";
import { test } from "node:test";
import { VigilError } from "@vigil/shared";
import fc from "fast-check";
import { createMetadata, firstValue, joinMetadata, withMetadata } from "./metadata.js";
import { asciiText, CallError, MAX_STATUS_MESSAGE_CHARS, statusOf } from "./status.js";

test("error text is printable ASCII of bounded length, and stays as it is where it can", () => {
  assert.equal(asciiText("cannot\u00a0open \u201cmotor\u201d\n\u{1f600}"), "cannot open ?motor? ?");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 10_000 }), (text) => {
      const clean = asciiText(text);
      assert.match(clean, /^[ -~]*$/);
      assert.ok(clean.length <= MAX_STATUS_MESSAGE_CHARS);
    }),
    { seed: 1, numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 100 }), (text) => assert.equal(asciiText(text), text)),
    { seed: 1, numRuns: 200 },
  );
});

test("statuses of errors: Vigil's own code, the wire's code, UNKNOWN for the rest", () => {
  assert.deepEqual(statusOf(new VigilError("rearm", "lift the stop first")), {
    code: 9,
    message: "lift the stop first",
  });
  assert.deepEqual(statusOf(new Error("boom")), { code: 2, message: "boom" });
  assert.deepEqual(statusOf("text"), { code: 2, message: "text" });
  const error = new CallError({ code: 5, message: "no such module" });
  assert.ok(error instanceof VigilError);
  assert.deepEqual([error.code, error.reason, statusOf(error)], [5, "driver", { code: 5, message: "no such module" }]);
});

test("metadata: keys in lower case, changes replace, joins add", () => {
  const metadata = createMetadata({ OpId: "1", list: ["a", "b"], gone: undefined });
  assert.deepEqual(
    metadata,
    new Map([
      ["opid", ["1"]],
      ["list", ["a", "b"]],
    ]),
  );
  assert.equal(firstValue(metadata, "list"), "a");
  assert.deepEqual(
    withMetadata(metadata, { LIST: undefined, x: "y" }),
    new Map([
      ["opid", ["1"]],
      ["x", ["y"]],
    ]),
  );
  assert.deepEqual(joinMetadata(metadata, createMetadata({ list: "c" })).get("list"), ["a", "b", "c"]);
  assert.deepEqual(metadata.get("list"), ["a", "b"]);
});
