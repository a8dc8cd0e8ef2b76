import type { ResourceView } from "@vigil/shared";

/** A resource as the SDK is to name it. */
export interface NamedResource {
  /** Bare where that is unique for its API in the robot, else "part:name" (contract.md). */
  name: string;
  resource: ResourceView;
}

/** The robot's components of one kind ("base", "camera", ...), in the robot's order. */
export function resourcesOf(resources: readonly ResourceView[], kind: string): NamedResource[] {
  const ofKind = resources.filter((resource) => resource.api === `rdk:component:${kind}`);
  return ofKind.map((resource) => {
    const namesakes = ofKind.filter((other) => other.name === resource.name);
    return { name: namesakes.length > 1 ? `${resource.part}:${resource.name}` : resource.name, resource };
  });
}
