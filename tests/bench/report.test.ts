import assert from "node:assert/strict";
import { test } from "node:test";
import { type Measured, resultOf, summarize } from "./losses.js";
import { compare, failuresOf, formatPage, type MeasuredSection, type Report, readFigures, toJson } from "./report.js";
import { type Figure, isMet } from "./section.js";
import { distributionOf, growthOf, quantileLimit, slopeOf } from "./statistics.js";

const figure = (value: number, more: Partial<Figure> = {}): Figure => ({
  id: "a/b",
  what: "a thing",
  value,
  unit: "ms",
  runs: 7,
  ...more,
});
const section = (figures: readonly Figure[], failures: readonly string[] = []): MeasuredSection => ({
  name: "a",
  title: "A",
  figures,
  failures,
  details: "words",
  seconds: 1,
});
const report = (...sections: MeasuredSection[]): Report => ({
  machine: { processor: "P", cores: 2, memoryGb: 4, kernel: "6", node: "v20", load: 0.1 },
  runs: 200,
  sections,
});

const stopped = (fromSignMs: number) => ({
  failed: false,
  fromLossMs: fromSignMs - 10,
  fromSignMs,
  skewMs: 1,
  actsAfterStop: 0,
  partsAhead: 2,
  spoiled: 0,
});
const lossOf = (outcomes: Parameters<typeof summarize>[0]): Measured => ({
  group: "2s",
  name: "SIGSTOP",
  runs: outcomes.length,
  planned: { from: "sign", wanted: 3, p99Ms: 2050, maxMs: 2250 },
  ...summarize(outcomes),
});

test("quantiles are by nearest rank: with few runs the 99th percentile is the maximum", () => {
  const { p50Ms, p99Ms, maxMs, runs } = distributionOf([5, 1, 4, 2, 3]);
  assert.deepEqual({ p50Ms, p99Ms, maxMs, runs }, { p50Ms: 3, p99Ms: 5, maxMs: 5, runs: 5 });
  const hundred = distributionOf(Array.from({ length: 200 }, (_, index) => index + 1));
  assert.deepEqual([hundred.p50Ms, hundred.p99Ms, hundred.maxMs], [100, 198, 200]);
});

test("what was not measured is infinite, never a good time", () => {
  assert.equal(distributionOf([1, Number.NaN]).maxMs, Infinity);
  assert.equal(distributionOf([1, Infinity]).maxMs, Infinity);
  assert.ok(Number.isNaN(distributionOf([]).p99Ms));
});

test("a bench run without a stop counts as infinite, the bench fails", () => {
  const noStop = {
    failed: true,
    fromLossMs: Infinity,
    fromSignMs: Infinity,
    skewMs: Infinity,
    actsAfterStop: 0,
    partsAhead: 2,
    spoiled: 0,
  };
  const good = resultOf([lossOf([stopped(2001), stopped(2002), stopped(2003)])], undefined, new Set());
  assert.deepEqual(failuresOf({ sections: [{ name: "losses", title: "L", seconds: 1, ...good }] }), []);

  // One among so many that the 99th percentile does not see it.
  const outcomes = [...Array.from({ length: 300 }, () => stopped(2001)), noStop];
  const bad = resultOf([lossOf(outcomes)], undefined, new Set());
  assert.equal(bad.figures.find(({ id }) => id.endsWith("/p99"))?.value, 2001);
  const max = bad.figures.find(({ id }) => id.endsWith("/max"))!;
  assert.equal(max.value, Infinity);
  assert.equal(isMet(max), false);
  const whole = report({ name: "losses", title: "L", seconds: 1, ...bad });
  assert.match(failuresOf(whole).join("\n"), /1 runs without a stop/);
  assert.match(formatPage(whole), /\| never \| \*\*no\*\* \|/);
  assert.match(formatPage(whole), /The bench failed/);
  assert.ok(toJson(whole).includes('"value": "never"'), "JSON keeps it apart from null");
});

test("motion after the stop fails the bench like a missing stop", () => {
  const moved = { ...stopped(2001), failed: true, fromLossMs: Infinity, fromSignMs: Infinity, actsAfterStop: 3 };
  const { figures, failures } = resultOf([lossOf([moved])], undefined, new Set());
  assert.equal(failures.length, 1);
  assert.equal(figures.find(({ id }) => id === "losses/acts-after-stop")?.value, 3);
});

test("a section that measured nothing fails the bench", () => {
  assert.match(failuresOf({ sections: [section([])] }).join(), /nothing was measured/);
  assert.match(failuresOf({ sections: [section([], ["broken"])] }).join(), /broken/);
  assert.match(failuresOf({ sections: [section([figure(Number.NaN)])] }).join(), /infinite/);
});

test("slowness fails nothing: it stands in the page as a target that is not met", () => {
  const slow = figure(900, { target: { most: 100 }, anchor: "1958 ms" });
  assert.deepEqual(failuresOf({ sections: [section([slow])] }), []);
  assert.match(
    formatPage(report(section([slow]))),
    /\| a thing \| 1958 ms \| ≤ 100 ms \| 900 ms \| \*\*no\*\* \| 7 \|/,
  );
  assert.equal(isMet(figure(100, { target: { most: 100 } })), true);
  assert.equal(isMet(figure(99, { target: { least: 100 } })), false);
  assert.equal(isMet(figure(1)), undefined);
});

test("the page names the machine and what was measured less often than asked for", () => {
  const page = formatPage(report(section([figure(1, { runsWanted: 1000 })])));
  assert.match(page, /P, 2 cores, 4 GB, Linux 6, Node v20/);
  assert.match(page, /a thing \(7 of 1000\)/);
  assert.ok(!formatPage(report(section([figure(1)]))).includes("less often"));
});

test("a quick run is compared with the last report, and warns in the direction that hurts", () => {
  const before = readFigures(
    toJson(
      report(
        section([figure(10), figure(1000, { id: "rate", target: { least: 1 } }), figure(Infinity, { id: "bad" })]),
      ),
    ),
  );
  const changed = (now: Figure) => compare([now], before).map(({ ratio, isWorse }) => [ratio, isWorse]);
  assert.deepEqual(changed(figure(20)), [[2, true]]);
  assert.deepEqual(changed(figure(5)), [[0.5, false]]);
  assert.deepEqual(changed(figure(500, { id: "rate", target: { least: 1 } })), [[0.5, true]]);
  assert.deepEqual(changed(figure(2000, { id: "rate", target: { least: 1 } })), [[2, false]]);
  assert.deepEqual(changed(figure(1, { id: "bad" })), [], "nothing compares with what never was");
  assert.deepEqual(changed(figure(1, { id: "new" })), []);
  assert.deepEqual([...readFigures('{"losses": []}')], [], "a report of another form");
});

test("a straight line through readings, and quantiles of a histogram's growth", () => {
  assert.equal(slopeOf([1, 2, 3].map((x) => ({ x, y: 5 + 2 * x }))), 2);
  assert.equal(slopeOf([{ x: 1, y: 1 }]), 0);
  const histogram = (...counts: number[]) => ({
    counts: counts.map((count, index) => ({ le: [1, 2, Infinity][index]!, count })),
  });
  const growth = growthOf(histogram(5, 9, 10), histogram(95, 109, 110));
  assert.deepEqual(growth, histogram(90, 100, 100));
  assert.equal(quantileLimit(growth, 0.5), 1);
  assert.equal(quantileLimit(growth, 0.99), 2);
  assert.ok(Number.isNaN(quantileLimit(histogram(0, 0, 0), 0.5)));
});
