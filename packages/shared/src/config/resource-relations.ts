import type { Loading } from "./config-context.js";
import { formatApi, type ResourceDraft, reportResource } from "./resource-config.js";

/** Names that resources of a part may depend on beyond the part's own file. */
export interface OtherNames {
  /** Names of resources of the robot's other parts. */
  readonly names: ReadonlySet<string>;
  /** True where `names` and the file hold all there is, so that a name outside them can never appear. */
  readonly complete: boolean;
}

/** Checks what resources of one part say of each other: names, dependencies, cycles. */
export function checkRelations(drafts: readonly ResourceDraft[], others: OtherNames, loading: Loading): void {
  reportDuplicates(drafts, loading);
  const index = indexByName(drafts);
  const edges = new Map(drafts.map((draft) => [draft, dependenciesOf(draft, index, others, loading)]));
  for (const draft of drafts) {
    const cycle = findCycle(draft, edges);
    if (cycle === undefined) continue;
    const names = [...cycle, draft].map((member) => member.config.name).join(" -> ");
    reportResource(draft, loading, ["depends_on"], `depends on itself (${names}): remove one of these dependencies`);
  }
}

/** Two local resources with one API and name: neither is reachable (compat.md, section 1). */
function reportDuplicates(drafts: readonly ResourceDraft[], loading: Loading): void {
  const byFullName = new Map<string, ResourceDraft[]>();
  for (const draft of drafts) {
    const fullName = `${formatApi(draft.config.api)}/${draft.config.name}`;
    byFullName.set(fullName, [...(byFullName.get(fullName) ?? []), draft]);
  }
  for (const [fullName, same] of byFullName) {
    if (same.length < 2) continue;
    const places = same.map((draft) => draft.config.path).join(", ");
    for (const draft of same) {
      reportResource(draft, loading, ["name"], `${fullName} is given more than once (${places}): rename all but one`);
    }
  }
}

function indexByName(drafts: readonly ResourceDraft[]): Map<string, ResourceDraft[]> {
  const index = new Map<string, ResourceDraft[]>();
  for (const draft of drafts) {
    const { name, api } = draft.config;
    for (const key of [name, `${formatApi(api)}/${name}`]) index.set(key, [...(index.get(key) ?? []), draft]);
  }
  return index;
}

function dependenciesOf(
  draft: ResourceDraft,
  index: ReadonlyMap<string, ResourceDraft[]>,
  others: OtherNames,
  loading: Loading,
): ResourceDraft[] {
  return draft.config.dependsOn.flatMap((name, position) => {
    const found = index.get(name);
    if (found !== undefined) return found;
    // ":" parts a part's name from the resource's, "/" an API from it.
    const bare = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf(":")) + 1);
    if (others.names.has(bare)) return [];
    if (others.complete) {
      reportResource(
        draft,
        loading,
        ["depends_on", position],
        `there is no resource "${name}": add it, or remove the name`,
      );
    } else {
      const message = `"${name}" is not in this file: it must come from another part or a remote`;
      loading.problems.add("warning", [...draft.path, "depends_on", position], message);
    }
    return [];
  });
}

/** The way from `start` back to itself, without its last step; undefined when there is none. */
function findCycle(
  start: ResourceDraft,
  edges: ReadonlyMap<ResourceDraft, readonly ResourceDraft[]>,
): readonly ResourceDraft[] | undefined {
  const cameFrom = new Map<ResourceDraft, ResourceDraft>();
  const queue = [start];
  for (const draft of queue) {
    for (const next of edges.get(draft) ?? []) {
      if (next === start) {
        const way = [draft];
        while (way[0] !== start) way.unshift(cameFrom.get(way[0]!)!);
        return way;
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, draft);
      queue.push(next);
    }
  }
  return undefined;
}
