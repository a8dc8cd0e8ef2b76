import { type BuiltResource, type Component, methodClass, type ResourceSet } from "@vigil/drivers";
import type { GuardResource } from "@vigil/safety";
import type { MethodClass, ResourceConfig } from "@vigil/shared";
import { designedMs, type StopAction, stopActionOf } from "./stop-policy.js";

/** A driver that is a process of its own can be ended, so less patience is needed with it than with a plain stop (R7). */
const PROCESS_ESCALATE_AFTER_MS = 500;

/** A resource as the guard and the services know it. */
export interface GuardedResource extends BuiltResource {
  /** Its name; with its subtype in front where several APIs of the part share the name. */
  readonly key: string;
  readonly settings: ResourceConfig;
  readonly stopAction: StopAction;
  /** It can be stopped and its policy wants it. */
  readonly isStoppable: boolean;
  /** What is neither read nor stop needs a live lease: it has a Stop, or its policy says how to stop it (R5). */
  readonly isGuarded: boolean;
  /** Without an acknowledgement this long after the stop was commanded, the next step is taken, in ms (R7). */
  readonly escalateAfterMs: number;
  classOf(method: string): MethodClass;
}

export interface PartResources {
  readonly all: readonly GuardedResource[];
  get(component: Component, name: string): GuardedResource;
  byKey(key: string): GuardedResource | undefined;
  /** What moves together, for the guard. */
  groups(): GuardResource[][];
}

export function createPartResources(set: ResourceSet, configs: readonly ResourceConfig[]): PartResources {
  const holders = set.built.map((built) => {
    const { api, name } = built.config;
    const settings = configs.find(
      (config) => config.name === name && config.api.subtype === api.subtype && config.api.type === api.type,
    )!;
    return { ...built, settings };
  });
  const all = holders.map((holder): GuardedResource => {
    const { settings, resource } = holder;
    const { api, name } = holder.config;
    const { stopTimeoutMs, escalate } = settings.safety;
    const stopAction = stopActionOf(holder, holders);
    const isStoppable = stopAction.kind !== "none";
    const patienceMs = escalate.afterMs ?? (resource.endProcess ? PROCESS_ESCALATE_AFTER_MS : stopTimeoutMs);
    const monitored = new Set(settings.safety.monitored);
    return {
      ...holder,
      key: set.find(name).length > 1 ? `${api.subtype}/${name}` : name,
      stopAction,
      isStoppable,
      isGuarded: isStoppable || resource.stop !== undefined,
      escalateAfterMs: patienceMs + designedMs(stopAction),
      classOf(method) {
        const given = methodClass(holder.component, method);
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

function toGuardResource(resource: GuardedResource): GuardResource {
  const { key, isStoppable, stopAction, escalateAfterMs, settings } = resource;
  const { safety } = settings;
  return {
    name: key,
    rearm: safety.rearm,
    settleMs: safety.stopTimeoutMs,
    ...(isStoppable && {
      stop: {
        timeoutMs: safety.stopTimeoutMs + designedMs(stopAction),
        retries: safety.retries,
        escalateAfterMs,
      },
    }),
  };
}
