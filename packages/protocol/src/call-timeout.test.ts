import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatGrpcTimeout, MAX_TIMEOUT_MS, parseGrpcTimeout, takeTimeout } from "./call-timeout.js";
import { createMetadata } from "./metadata.js";

test("grpc-timeout is read in every unit and refused when it is none", () => {
  const values = { "100m": 100, "2S": 2000, "3M": 180_000, "1H": 3_600_000, "500u": 0.5, "1000000n": 1, "0S": 0 };
  for (const [text, ms] of Object.entries(values)) assert.equal(parseGrpcTimeout(text), ms, text);
  assert.equal(parseGrpcTimeout("99999999H"), MAX_TIMEOUT_MS);
  for (const text of ["", "S", "1", "1s", "-1S", "1.5S", "123456789m", " 1S"])
    assert.equal(parseGrpcTimeout(text), undefined, text);
});

test("a written timeout is read again, at most a thousandth longer and never shorter", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: MAX_TIMEOUT_MS, noNaN: true }), (ms) => {
      const read = parseGrpcTimeout(formatGrpcTimeout(ms))!;
      assert.ok(
        read >= Math.min(ms, MAX_TIMEOUT_MS) * (1 - 1e-12) && read <= ms * 1.001 + 1e-3,
        `${ms} became ${read}`,
      );
    }),
    { seed: 7, numRuns: 1000 },
  );
});

test("the sooner deadline wins and leaves the metadata", () => {
  const metadata = createMetadata({ "grpc-timeout": "1S", other: "x" });
  assert.deepEqual(takeTimeout(metadata, 500), { metadata: new Map([["other", ["x"]]]), timeoutMs: 500 });
  assert.equal(takeTimeout(metadata, 5000).timeoutMs, 1000);
  assert.equal(takeTimeout(createMetadata({}), undefined).timeoutMs, undefined);
});
