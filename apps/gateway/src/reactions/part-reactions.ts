import type { States } from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import type { Clock, GatewayConfig, Logger } from "@vigil/shared";
import type { GatewayMetrics } from "@vigil/telemetry";
import { refusalLabel } from "../admission/refusal-label.js";
import type { PartLinks } from "../links/part-links.js";
import type { Recorder } from "../ops/recorder.js";
import type { Descriptors } from "../robot-service/descriptors.js";
import type { ResourceDirectory } from "../routing/resource-directory.js";

export interface PartReactionsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly links: PartLinks;
  readonly directory: ResourceDirectory;
  readonly descriptors: Descriptors;
  readonly recorder: Recorder;
  isSession(id: string): boolean;
  /** The picture of the robot is another one now. */
  changed(): void;
}

/** What the parts have told, and when. */
export interface PartReactions {
  states(part: string): States | undefined;
  /** Wall time of the part's last coming or going, in ms since the Unix epoch. */
  since(part: string): number;
  /** Each configured part has been linked once, so that the list of resources is whole. */
  readonly isComplete: boolean;
}

/** A part tells its states every second, and a change within a tenth of one. */
const UNREPORTED_MS = 1000;

/** What it brings about that a part comes, goes, stops or reports. */
export function createPartReactions(
  deps: PartReactionsDeps,
  { parts, stopGroup }: Pick<GatewayConfig, "parts" | "stopGroup">,
): PartReactions {
  const { clock, log, metrics, links, recorder, changed } = deps;
  const states = new Map<string, States>();
  const since = new Map<string, number>(parts.map(({ name }) => [name, clock.wall()]));
  const announced = new Set<string>();

  /** What moves together stops together: a part that suspends a session for its own trouble stops it on all (R4). */
  function suspendElsewhere(part: string, session: string): void {
    if (!deps.isSession(session)) return;
    for (const link of links.all()) {
      if (link.part.name !== part) link.push({ case: "suspend", value: { session } });
    }
  }

  links.on("linked", (link) => {
    const part = link.part.name;
    link.on("inventory", ({ resources, apis, files }) => {
      announced.add(part);
      const prefix = parts.find(({ name }) => name === part)?.prefix ?? "";
      deps.directory.set({ part, prefix, resources, apis });
      deps.descriptors.set(part, files);
      changed();
    });
    link.on("up", () => {
      metrics.partUp.set({ part }, 1);
      since.set(part, clock.wall());
      log.info({ part, carrier: link.carrier }, "part linked");
      changed();
    });
    link.on("states", (value) => {
      states.set(part, value);
      changed();
    });
    link.on("fenced", ({ report, at, errorBarMs }) => {
      recorder.fenced(part, report, at, errorBarMs);
      const isOwnTrouble = !report.final && report.session !== "" && report.cause !== "gateway";
      if (stopGroup === "robot" && isOwnTrouble) suspendElsewhere(part, report.session);
    });
    link.on("stopped", ({ report, at, errorBarMs }) => recorder.stopped(part, report, at, errorBarMs));
    link.on("refused", ({ reason, count }) => {
      metrics.commandsRefused.inc({ part, reason: refusalLabel(reason) ?? "fenced" }, count);
    });
  });
  links.on("down", ({ link, cause }) => {
    const part = link.part.name;
    if (links.get(part)?.isUp) return;
    metrics.partUp.set({ part }, 0);
    metrics.disconnects.inc({ peer: "part", cause: cause === "replaced" ? "closed" : cause });
    since.set(part, clock.wall());
    // Its process may be dead and never tell what it suspended: what moved together with it stops all the same (R4).
    if (stopGroup === "robot") {
      const owners = (states.get(part)?.groups ?? []).map(({ owner }) => owner).filter((owner) => owner !== "");
      for (const session of new Set([...owners, ...link.usedWithin(UNREPORTED_MS)])) suspendElsewhere(part, session);
    }
    states.delete(part);
    log.warn({ part, cause }, "part lost");
    changed();
  });
  links.on("refused", () => metrics.disconnects.inc({ peer: "part", cause: "refused" }));

  return {
    states: (part) => states.get(part),
    since: (part) => since.get(part) ?? 0,
    get isComplete() {
      return parts.every(({ name }) => announced.has(name));
    },
  };
}
