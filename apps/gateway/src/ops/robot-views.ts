import type { States } from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import {
  type Clock,
  type PartView,
  type ResourceView,
  type RobotView,
  type SessionView,
  type Snapshot,
  shortId,
} from "@vigil/shared";
import type { Client } from "../admission/client.js";
import type { Operations } from "../admission/operations.js";
import type { PartLink } from "../links/part-link.js";
import type { ResourceDirectory } from "../routing/resource-directory.js";
import type { SessionKeeper } from "../sessions/session-keeper.js";
import type { Recorder } from "./recorder.js";

/** Everything that /vigil/v1 shows, made from what the gateway knows. */
export interface RobotViews {
  robot(): RobotView;
  parts(): PartView[];
  resources(): ResourceView[];
  sessions(): SessionView[];
  snapshot(): Snapshot;
  /** Why /readyz says no; empty: it says yes. */
  notReady(): string[];
}

export interface RobotViewsDeps {
  readonly clock: Clock;
  readonly robot: string;
  readonly version: string;
  readonly windowMs: number;
  readonly authenticated: boolean;
  readonly storeKind: "memory" | "redis";
  readonly configuredParts: readonly string[];
  storeReachable(): boolean;
  link(part: string): PartLink | undefined;
  /** When the part's present state, up or down, began: wall time in ms. */
  since(part: string): number;
  states(part: string): States | undefined;
  readonly directory: ResourceDirectory;
  readonly keeper: SessionKeeper;
  readonly operations: Operations;
  readonly recorder: Recorder;
  client(id: string): Client | undefined;
}

const MOVING = [null, false, true] as const;

export function createRobotViews(deps: RobotViewsDeps): RobotViews {
  const startedAt = new Date(deps.clock.wall()).toISOString();

  function groupOf(part: string, resource: string) {
    return deps.states(part)?.groups.find((group) => group.resources.some(({ name }) => name === resource));
  }

  const views: RobotViews = {
    robot() {
      const notReadyReasons = views.notReady();
      return {
        name: deps.robot,
        version: deps.version,
        startedAt,
        heartbeatWindowMs: deps.windowMs,
        store: { kind: deps.storeKind, reachable: deps.storeReachable() },
        ready: notReadyReasons.length === 0,
        notReadyReasons,
        authenticated: deps.authenticated,
      };
    },
    parts: () =>
      deps.configuredParts.map((name) => {
        const link = deps.link(name);
        return {
          name,
          up: link?.isUp ?? false,
          since: new Date(deps.since(name)).toISOString(),
          carrier: link?.carrier ?? null,
          roundTripMs: link?.roundTripMs ?? null,
          started: link?.started ?? false,
          version: link?.part.software ?? null,
          resources: deps.directory.list().filter(({ part }) => part === name).length,
        };
      }),
    resources: () =>
      deps.directory.list().map((resource) => {
        const group = groupOf(resource.part, resource.name);
        const state = group?.resources.find(({ name }) => name === resource.name);
        const linked = deps.link(resource.part)?.isUp ?? false;
        return {
          name: resource.listedName,
          part: resource.part,
          api: `${resource.namespace}:${resource.type}:${resource.subtype}`,
          state: resource.error !== "" ? "unhealthy" : linked ? "ready" : "offline",
          error: resource.error === "" ? null : resource.error,
          moving: MOVING[state?.moving ?? 0] ?? null,
          owner: group?.owner ? shortId(group.owner) : null,
          users: group?.users.map(shortId) ?? [],
          stopping: group?.stopping ?? false,
          awaitsRearm: group?.awaitsRearm ?? false,
          policy: resource.hasStop ? (resource.policy as ResourceView["policy"]) : null,
        };
      }),
    sessions() {
      const now = deps.clock.now();
      const wall = deps.clock.wall();
      return [...deps.keeper.all()].map((session) => {
        const [first] = session.connections;
        const client = first === undefined ? undefined : deps.client(first);
        const resources = deps.configuredParts.flatMap((part) =>
          (deps.states(part)?.groups ?? [])
            .filter((group) => group.owner === session.id || group.users.includes(session.id))
            .flatMap((group) => group.resources.map(({ name }) => `${part}:${name}`)),
        );
        return {
          id: shortId(session.id),
          kind: session.kind,
          entity: session.entity ?? null,
          remoteAddress: client?.remoteAddress ?? session.host,
          client: client?.software ?? null,
          carrier: client?.carrier ?? "grpc",
          openedAt: new Date(wall - (now - session.openedAt)).toISOString(),
          windowMs: deps.windowMs,
          moveLeftMs: Math.max(0, (session.leased?.moveUntil ?? now) - now),
          knownLeftMs: Math.max(0, (session.leased?.knownUntil ?? now) - now),
          suspended: session.suspended,
          operations: deps.operations.countOf(session.id),
          resources,
        };
      });
    },
    snapshot: () => ({
      robot: views.robot(),
      parts: views.parts(),
      resources: views.resources(),
      sessions: views.sessions(),
      ends: [...deps.recorder.ends()],
    }),
    notReady() {
      const reasons: string[] = [];
      if (!deps.storeReachable()) reasons.push("the lease store cannot be reached");
      for (const name of deps.configuredParts) {
        const link = deps.link(name);
        if (!link?.isUp) reasons.push(`part ${name} is not linked`);
        else if (!link.started) reasons.push(`part ${name} has not acknowledged the stop of its start`);
        if (link?.storeAway) reasons.push(`part ${name} cannot reach the lease store`);
        for (const group of deps.states(name)?.groups ?? []) {
          if (group.stopping && link?.started) {
            reasons.push(`${name}:${group.resources.map((resource) => resource.name).join(",")} is stopping`);
          }
        }
      }
      return reasons;
    },
  };
  return views;
}
