import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLineSplitter } from "./line-splitter.js";

const MAX = 20;

test("lines come out whole, however they were cut on their way", () => {
  const lines = fc.array(fc.stringMatching(/^[a-z0-9 *.]{1,20}$/));
  fc.assert(
    fc.property(lines, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (wanted, cuts) => {
      const got: string[] = [];
      const splitter = createLineSplitter((line) => got.push(line), { maxLength: MAX });
      const text = wanted.map((line) => `${line}\r\n`).join("");
      for (let from = 0, turn = 0; from < text.length; turn += 1) {
        const length = cuts[turn % cuts.length]!;
        splitter.push(text.slice(from, from + length));
        from += length;
      }
      assert.deepEqual(got, wanted);
    }),
  );
});

test("a line without end is dropped whole, and the one after it is read", () => {
  const got: string[] = [];
  const splitter = createLineSplitter((line) => got.push(line), { maxLength: MAX });
  for (let count = 0; count < 1000; count += 1) splitter.push("x".repeat(100));
  splitter.push(`tail\n${"y".repeat(MAX + 1)}\nnext\n`);
  assert.deepEqual(got, ["next"]);
  splitter.push("begun");
  splitter.reset();
  splitter.push("fresh\n");
  assert.deepEqual(got, ["next", "fresh"]);
});
