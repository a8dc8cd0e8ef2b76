import assert from "node:assert/strict";
import { test } from "node:test";
import { seriesIn, wrongNames } from "./promql.js";

test("an expression's series are found with the labels it matches and groups by", () => {
  const expression = `histogram_quantile(0.9, sum by (part, le) (rate(a_bucket{phase="total"}[$__rate_interval])))
    > 1 or (b unless b offset 5m)`;
  assert.deepEqual(
    seriesIn(expression).map(({ series, labels }) => [series, [...labels]]),
    [
      ["a_bucket", ["part", "le", "phase"]],
      ["b", []],
      ["b", []],
    ],
  );
});

test("a name, a label or a histogram's bare name that nothing exports is told", () => {
  assert.deepEqual(wrongNames("sum by (job, part) (rate(vigil_stops_total[5m]))"), []);
  assert.deepEqual(wrongNames("vigil_stop_total"), ["vigil_stop_total: no such series"]);
  assert.deepEqual(wrongNames("vigil_stop_seconds"), ["vigil_stop_seconds: no such series"]);
  assert.deepEqual(wrongNames('vigil_part_up{prat="arm"}'), ["vigil_part_up: no label prat"]);
  assert.deepEqual(wrongNames("sum by (le) (vigil_rpc_seconds_count)"), ["vigil_rpc_seconds_count: no label le"]);
});

test("what is no PromQL is refused", () => {
  assert.throws(() => seriesIn("rate(vigil_stops_total[5m]"), /no PromQL/);
  assert.throws(() => seriesIn("sum by (part (up)"), /no PromQL/);
});
