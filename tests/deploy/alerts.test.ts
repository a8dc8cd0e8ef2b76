import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { wrongNames } from "./promql.js";
import { findProgram, readRepositoryFile, run } from "./repository.js";

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface AlertCase {
  readonly alertname: string;
  readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
}

const rules = parse(readRepositoryFile("deploy/prometheus/alerts.yml")) as { groups: { rules: Alert[] }[] };
const alerts = rules.groups.flatMap((group) => group.rules);
const caseFile = parse(readRepositoryFile("deploy/prometheus/alerts.test.yml")) as {
  tests: { alert_rule_test: AlertCase[] }[];
};
const cases = caseFile.tests.flatMap((each) => each.alert_rule_test);

for (const [what, args] of [
  ["the scrape configuration is valid", ["check", "config", "deploy/prometheus/prometheus.yml"]],
  ["the alert rules are valid", ["check", "rules", "deploy/prometheus/alerts.yml"]],
  ["each alert fires and stays silent as its cases say", ["test", "rules", "deploy/prometheus/alerts.test.yml"]],
] as const) {
  test(what, (t) => {
    const promtool = findProgram("promtool");
    if (!promtool) return t.skip("PROMTOOL IS MISSING: install the Debian package prometheus");
    const { status, output } = run(promtool, args);
    assert.equal(status, 0, output);
  });
}

for (const { alert, expr, labels, annotations } of alerts) {
  test(`${alert} has a case that fires and one that does not`, () => {
    const own = cases.filter(({ alertname }) => alertname === alert);
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length > 0),
      "no case in which it fires",
    );
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length === 0),
      "no case in which it is silent",
    );
  });

  test(`${alert} reads only metrics and labels that exist`, () => {
    assert.deepEqual(wrongNames(expr), []);
  });

  test(`${alert} says how bad it is and has a runbook`, () => {
    assert.match(labels.severity ?? "", /^(critical|warning)$/);
    assert.ok(annotations.summary);
    const [file = "", anchor] = (annotations.runbook ?? "").split("#");
    assert.equal(file, "docs/operations.md");
    assert.ok(anchors(readRepositoryFile(file)).includes(anchor ?? ""), `${file} has no heading for #${anchor}`);
  });
}

test("no case is left of an alert that is gone", () => {
  const names = alerts.map(({ alert }) => alert);
  assert.deepEqual(
    cases.filter(({ alertname }) => !names.includes(alertname)),
    [],
  );
  assert.equal(new Set(names).size, names.length, "two alerts with one name");
});

/** Anchors of a Markdown file's headings, as GitHub makes them. */
function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
