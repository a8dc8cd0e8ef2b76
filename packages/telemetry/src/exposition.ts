import { type OpenMetricsContentType, type PrometheusContentType, Registry } from "prom-client";

/** One scrape: the text and its content type. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/**
 * Renders a registry as Prometheus text, or as OpenMetrics where the scraper accepts that. prom-client keeps the format
 * in the registry itself, so scrapes take turns.
 */
export function createExposition(registry: Registry): (accept: string | undefined) => Promise<Exposition> {
  const formats = registry as unknown as Registry<OpenMetricsContentType | PrometheusContentType>;
  let last: Promise<unknown> = Promise.resolve();
  return (accept) => {
    const open = accept?.includes("application/openmetrics-text") ?? false;
    const scrape = last.then(async () => {
      formats.setContentType(open ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
      return { contentType: formats.contentType, body: await formats.metrics() };
    });
    last = scrape.catch(() => undefined);
    return scrape;
  };
}
