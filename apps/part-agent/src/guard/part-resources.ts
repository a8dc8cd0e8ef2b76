import { type BuiltResource, type Component, methodClass, type ResourceSet } from "@vigil/drivers";
import type { GuardResource } from "@vigil/safety";
import type { MethodClass, ResourceConfig } from "@vigil/shared";

/** A resource as the guard and the services know it. */
export interface GuardedResource extends BuiltResource {
  /** Its name; with its subtype in front where several APIs of the part share the name. */
  readonly key: string;
  readonly settings: ResourceConfig;
  /** It can be stopped and its policy wants it. */
  readonly isStoppable: boolean;
  classOf(method: string): MethodClass;
}

export interface PartResources {
  readonly all: readonly GuardedResource[];
  get(component: Component, name: string): GuardedResource;
  byKey(key: string): GuardedResource | undefined;
  /** What moves together, for the guard. */
  groups(): GuardResource[][];
}

/** Room between a driver's stop timeout and the first escalation where the configuration names none: none (R7). */
export function createPartResources(set: ResourceSet, configs: readonly ResourceConfig[]): PartResources {
  const all = set.built.map((built): GuardedResource => {
    const { api, name } = built.config;
    const settings = configs.find(
      (config) => config.name === name && config.api.subtype === api.subtype && config.api.type === api.type,
    )!;
    const monitored = new Set(settings.safety.monitored);
    return {
      ...built,
      settings,
      key: set.find(name).length > 1 ? `${api.subtype}/${name}` : name,
      isStoppable: built.resource.stop !== undefined && settings.safety.policy !== "none",
      classOf(method) {
        const given = methodClass(built.component, method);
        // Widened by the configuration: such a method makes its caller the owner.
        return given === "use" && monitored.has(method) ? "move_endless" : given;
      },
    };
  });
  const ofResource = new Map(all.map((entry) => [entry.resource, entry]));

  return {
    all,
    get(component, name) {
      const { resource } = set.get(component.api, name);
      return ofResource.get(resource)!;
    },
    byKey: (key) => all.find((entry) => entry.key === key),
    groups() {
      const grouped = new Set<GuardedResource>();
      const groups: GuardResource[][] = [];
      for (const entry of all) {
        if (grouped.has(entry)) continue;
        const members = set.motionGroup(entry.config.name).map((resource) => ofResource.get(resource)!);
        const group = members.includes(entry) ? members : [entry];
        for (const member of group) grouped.add(member);
        groups.push(group.map(toGuardResource));
      }
      return groups;
    },
  };
}

function toGuardResource({ key, isStoppable, settings: { safety } }: GuardedResource): GuardResource {
  return {
    name: key,
    rearm: safety.rearm,
    settleMs: safety.stopTimeoutMs,
    ...(isStoppable && {
      stop: {
        timeoutMs: safety.stopTimeoutMs,
        retries: safety.retries,
        escalateAfterMs: safety.escalate.afterMs ?? safety.stopTimeoutMs,
      },
    }),
  };
}
