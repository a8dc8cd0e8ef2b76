/** One sample of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples of a Prometheus text exposition. */
export interface Samples {
  readonly all: readonly Sample[];
  /** Sum of the samples of that name which have all these labels; 0: there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

export async function scrape(url: string): Promise<Samples> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return parseSamples(await response.text());
}

export function parseSamples(text: string): Samples {
  const all = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(parseSample);
  return {
    all,
    sum: (name, labels = {}) =>
      all
        .filter(
          (sample) =>
            sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
        )
        .reduce((sum, { value }) => sum + value, 0),
  };
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
  if (!match) throw new Error(`no sample of an exposition: ${line}`);
  const [, name, labels = "", value] = match;
  return {
    name: name!,
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [
        key!,
        JSON.parse(`"${text}"`) as string,
      ]),
    ),
    value: Number(value!.replace("Inf", "Infinity")),
  };
}
