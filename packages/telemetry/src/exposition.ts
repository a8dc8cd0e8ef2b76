import { type OpenMetricsContentType, type PrometheusContentType, Registry } from "prom-client";

/** One scrape: the text and its content type. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/**
 * Renders a registry as Prometheus text, or as OpenMetrics where the scraper accepts that. prom-client keeps the format
 * in the registry itself, so scrapes take turns; and when it renders OpenMetrics it takes "_total" off the names of the
 * counters for good, so that the next Prometheus text would lack it: the names are put back before each turn.
 */
export function createExposition(registry: Registry): (accept: string | undefined) => Promise<Exposition> {
  const formats: Registry<OpenMetricsContentType | PrometheusContentType> = registry;
  const names = new Map<object, string>();
  let last: Promise<unknown> = Promise.resolve();

  async function render(open: boolean): Promise<Exposition> {
    for (const metric of formats.getMetricsAsArray() as unknown as { name: string }[]) {
      const name = names.get(metric);
      if (name === undefined) names.set(metric, metric.name);
      else metric.name = name;
    }
    formats.setContentType(open ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
    return { contentType: formats.contentType, body: await formats.metrics() };
  }

  return (accept) => {
    const open = accept?.includes("application/openmetrics-text") ?? false;
    const scrape = last.then(() => render(open));
    last = scrape.catch(() => undefined);
    return scrape;
  };
}
