import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { vigilMetrics } from "./metric-table.js";
import { seriesIn, wrongNames } from "./promql.js";
import { inRepository, readRepositoryFile } from "./repository.js";

interface Datasource {
  readonly uid: string;
}
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource?: Datasource;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: Datasource;
  }[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] };
}

const dashboard = JSON.parse(readRepositoryFile("deploy/grafana/dashboards/vigil.json")) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const expressions = panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr);

for (const { title, targets } of panels) {
  test(`panel "${title}" reads only metrics and labels that exist`, () => {
    assert.ok(targets !== undefined && targets.length > 0, "it shows nothing");
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(wrongNames(expr), []);
      // A legend can show only what the expression leaves: what it groups by, or all labels without an aggregation.
      const labels = seriesIn(expr).flatMap((use) => [...use.labels]);
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
      const aggregated = / by \(/.test(expr);
      if (aggregated)
        assert.deepEqual(
          shown.filter((label) => !labels.includes(label)),
          [],
        );
    }
  });
}

test("every metric that Vigil promises is on the dashboard", () => {
  const shown = new Set(expressions.flatMap(seriesIn).map(({ series }) => series.replace(/_(bucket|sum|count)$/, "")));
  assert.deepEqual(
    Object.keys(vigilMetrics).filter((name) => !shown.has(name)),
    [],
  );
});

test("the variables read metrics and labels that exist, and every variable that is used is there", () => {
  const names = dashboard.templating.list.map(({ name }) => name);
  for (const { definition } of dashboard.templating.list) {
    const [, series, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
    assert.deepEqual(wrongNames(`sum by (${label}) (${series})`), []);
  }
  const used = expressions.flatMap((expr) => [...expr.matchAll(/\$(?!__)(\w+)/g)].map(([, name = ""]) => name));
  assert.deepEqual(
    used.filter((name) => !names.includes(name)),
    [],
  );
});

test("no two panels overlap or share an id", () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, `"${title}" is wider than the grid`);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.equal(taken.get(`${x},${y}`), undefined, `"${title}" overlaps`);
        taken.set(`${x},${y}`, title);
      }
    }
  }
});

test("every panel's datasource is the provisioned one, and the dashboard's folder is what Grafana reads", () => {
  const sources = parse(readRepositoryFile("deploy/grafana/provisioning/datasources/prometheus.yaml")) as {
    datasources: Datasource[];
  };
  const uids = sources.datasources.map(({ uid }) => uid);
  const used = panels.flatMap(({ datasource, targets }) => [
    datasource,
    ...(targets ?? []).map((each) => each.datasource),
  ]);
  assert.deepEqual(
    used.filter((source) => !uids.includes(source?.uid ?? "")),
    [],
  );
  const providers = parse(readRepositoryFile("deploy/grafana/provisioning/dashboards/vigil.yaml")) as {
    providers: { options: { path: string } }[];
  };
  const compose = readRepositoryFile("deploy/docker/compose.yaml");
  for (const { options } of providers.providers)
    assert.ok(compose.includes(`../grafana/dashboards:${options.path}:ro`));
  assert.deepEqual(readdirSync(inRepository("deploy/grafana/dashboards")), ["vigil.json"]);
});
