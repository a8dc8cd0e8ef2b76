import { type EpisodeOptions, type EpisodeResult, runEpisode } from "./episode.js";

/** What a run of episodes adds up to. */
export interface RunSummary {
  readonly episodes: number;
  readonly robotHours: number;
  readonly coreHours: number;
  readonly figures: EpisodeResult["figures"];
}

export const EMPTY_SUMMARY: RunSummary = {
  episodes: 0,
  robotHours: 0,
  coreHours: 0,
  figures: { sessions: 0, lapses: 0, suspensions: 0, writes: 0, stops: 0, fences: 0, chances: 0 },
};

export function addSummary(one: RunSummary, other: RunSummary): RunSummary {
  const figures = { ...one.figures };
  for (const key of Object.keys(figures) as (keyof typeof figures)[]) figures[key] += other.figures[key];
  return {
    episodes: one.episodes + other.episodes,
    robotHours: one.robotHours + other.robotHours,
    coreHours: one.coreHours + other.coreHours,
    figures,
  };
}

export const addEpisode = (summary: RunSummary, { simulatedMs, figures }: EpisodeResult): RunSummary =>
  addSummary(summary, { episodes: 1, robotHours: simulatedMs / 3.6e6, coreHours: 0, figures });

export const summarized = ({ episodes, robotHours, coreHours }: RunSummary): string =>
  `${episodes} episodes, ${robotHours.toFixed(2)} robot-hours, ${(robotHours / coreHours).toFixed(0)} robot-hours per core-hour`;

/** Runs episodes one after another until `enough` says so. @throws Violation of the first one that fails. */
export async function runEpisodes(
  seeds: Iterable<number>,
  enough: (episodes: number) => boolean = () => false,
  options: EpisodeOptions = {},
): Promise<RunSummary> {
  let summary = EMPTY_SUMMARY;
  const before = process.cpuUsage();
  for (const seed of seeds) {
    if (enough(summary.episodes)) break;
    summary = addEpisode(summary, await runEpisode(seed, options));
  }
  const { user, system } = process.cpuUsage(before);
  return addSummary(summary, { ...EMPTY_SUMMARY, coreHours: (user + system) / 3.6e9 });
}
