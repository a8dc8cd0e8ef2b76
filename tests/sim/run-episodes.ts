import { type EpisodeResult, runEpisode } from "./episode.js";

export interface RunSummary {
  readonly episodes: number;
  readonly robotHours: number;
  readonly coreHours: number;
  readonly figures: EpisodeResult["figures"];
}

/** Runs episodes one after another until `enough` says so. @throws Violation of the first one that fails. */
export async function runEpisodes(
  seeds: Iterable<number>,
  enough: (episodes: number) => boolean = () => false,
  options: { readonly detailed?: boolean } = {},
): Promise<RunSummary> {
  const figures = { sessions: 0, lapses: 0, suspensions: 0, writes: 0, stops: 0, fences: 0, chances: 0 };
  const before = process.cpuUsage();
  let episodes = 0;
  let simulatedMs = 0;
  for (const seed of seeds) {
    if (enough(episodes)) break;
    const result = await runEpisode(seed, options);
    episodes += 1;
    simulatedMs += result.simulatedMs;
    for (const key of Object.keys(figures) as (keyof typeof figures)[]) figures[key] += result.figures[key];
  }
  const { user, system } = process.cpuUsage(before);
  return { episodes, robotHours: simulatedMs / 3.6e6, coreHours: (user + system) / 3.6e9, figures };
}
