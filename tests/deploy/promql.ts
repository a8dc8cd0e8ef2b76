import { parser } from "@prometheus-io/lezer-promql";
import { labelsOfSeries } from "./metric-table.js";

/** One series that an expression reads, with every label that the expression asks of it. */
export interface SeriesUse {
  readonly series: string;
  readonly labels: ReadonlySet<string>;
}

type Node = ReturnType<typeof parser.parse>["topNode"];

/** What `expression` reads. Grafana's variables may stand in it. Throws when it is no PromQL. */
export function seriesIn(expression: string): SeriesUse[] {
  const text = expression.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "5m");
  const root = parser.parse(text).topNode;
  const uses: SeriesUse[] = [];
  visit(root, new Set());
  return uses;

  function visit(node: Node, grouping: ReadonlySet<string>): void {
    if (node.type.isError) throw new Error(`no PromQL at ${node.from}: ${text}`);
    let inner = grouping;
    if (node.name === "AggregateExpr") {
      // Only what an aggregation groups by is left for the one outside of it.
      const modifier = node.getChild("AggregateModifier");
      inner = new Set(modifier ? labelNames(modifier) : []);
    }
    if (node.name === "VectorSelector") {
      const name = node.getChild("Identifier");
      if (name === null) throw new Error(`a selector without a metric name: ${text}`);
      uses.push({ series: slice(name), labels: new Set([...inner, ...labelNames(node)]) });
    }
    for (let child = node.firstChild; child; child = child.nextSibling) visit(child, inner);
  }

  function labelNames(node: Node): string[] {
    const names: string[] = [];
    node.cursor().iterate((each) => {
      if (each.name === "LabelName") names.push(text.slice(each.from, each.to));
    });
    return names;
  }

  function slice(node: Node): string {
    return text.slice(node.from, node.to);
  }
}

/** What is wrong with the names in `expression`, in words; empty when all of them exist. */
export function wrongNames(expression: string): string[] {
  return seriesIn(expression).flatMap(({ series, labels }) => {
    const known = labelsOfSeries(series);
    if (known === undefined) return [`${series}: no such series`];
    return [...labels].filter((label) => !known.includes(label)).map((label) => `${series}: no label ${label}`);
  });
}
