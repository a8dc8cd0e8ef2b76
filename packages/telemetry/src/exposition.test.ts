import assert from "node:assert/strict";
import { test } from "node:test";
import { createExposition } from "./exposition.js";
import { beginAtZero, createGatewayMetrics } from "./metrics.js";

const OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

test("a scrape in one format leaves the other as it was, also when both come at once", async () => {
  const metrics = createGatewayMetrics();
  beginAtZero(metrics, ["main"]);
  const scrape = createExposition(metrics.registry);
  const [before, open, after, again] = await Promise.all([
    scrape(undefined),
    scrape(OPEN_METRICS),
    scrape("text/plain"),
    scrape(OPEN_METRICS),
  ]);
  for (const text of [before.body, after.body]) {
    assert.match(text, /^# TYPE vigil_sessions_ended_total counter$/m);
    assert.match(text, /^vigil_sessions_ended_total\{reason="lapsed"\} 0$/m);
  }
  for (const { body, contentType } of [open, again]) {
    assert.match(contentType, /^application\/openmetrics-text/);
    assert.match(body, /^# TYPE vigil_sessions_ended counter$/m);
    assert.match(body, /^vigil_sessions_ended_total\{reason="lapsed"\} 0$/m);
    assert.match(body, /\n# EOF\n$/);
  }
  assert.match(after.contentType, /^text\/plain/);
});
