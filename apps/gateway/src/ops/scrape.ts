import { createExposition, type Exposition, type GatewayMetrics } from "@vigil/telemetry";
import type { PartLinks } from "../links/part-links.js";
import type { Clients } from "../peers/clients.js";
import type { SessionKeeper } from "../sessions/session-keeper.js";
import type { RobotViews } from "./robot-views.js";

export interface ScrapeDeps {
  readonly metrics: GatewayMetrics;
  readonly parts: readonly string[];
  readonly keeper: SessionKeeper;
  readonly clients: Clients;
  readonly links: PartLinks;
  readonly views: RobotViews;
}

/** The metrics as a scrape with this Accept header gets them; what is a count of what stands now is counted here. */
export function createScrape(deps: ScrapeDeps): (accept: string | undefined) => Promise<Exposition> {
  const { metrics, keeper, clients, links, views } = deps;
  const exposition = createExposition(metrics.registry);
  return (accept) => {
    const kinds = { explicit: 0, implicit: 0 };
    for (const { kind } of keeper.all()) kinds[kind] += 1;
    metrics.sessionsActive.set({ kind: "explicit" }, kinds.explicit);
    metrics.sessionsActive.set({ kind: "implicit" }, kinds.implicit);
    const waiting = views.resources().filter(({ awaitsRearm }) => awaitsRearm);
    for (const name of deps.parts) {
      metrics.rearmWaiting.set({ part: name }, waiting.filter(({ part }) => part === name).length);
    }
    const partPaths = [...links.all()].filter(({ carrier }) => carrier === "webrtc");
    metrics.webrtcConnections.set({ side: "client" }, clients.count("webrtc"));
    metrics.webrtcConnections.set({ side: "part" }, partPaths.length);
    return exposition(accept);
  };
}
