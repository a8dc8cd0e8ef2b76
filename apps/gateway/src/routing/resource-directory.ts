import { type MethodClass, VigilError } from "@vigil/shared";

/** A resource of a part, as the part announced it. */
export interface PartResource {
  readonly namespace: string;
  readonly type: string;
  readonly subtype: string;
  /** As the part knows it. */
  readonly name: string;
  /** Not empty: it could not be built. */
  readonly error: string;
  readonly policy: string;
  readonly hasStop: boolean;
}

/** An API that a part serves. */
export interface PartApi {
  readonly namespace: string;
  readonly type: string;
  readonly subtype: string;
  /** Full name of its gRPC service. */
  readonly service: string;
  readonly methods: Readonly<Record<string, string>>;
  /** HTTP rules of its methods (`rest/http-rules.ts`); absent where the part announced none. */
  readonly rest?: Readonly<Record<string, string>>;
}

/** What a part has; it outlives the part's link, so that a part that is only away stays listed. */
export interface PartInventory {
  readonly part: string;
  readonly prefix: string;
  readonly resources: readonly PartResource[];
  readonly apis: readonly PartApi[];
}

/** Where a call goes. */
export interface Destination {
  readonly part: string;
  /** The resource's name at its part. */
  readonly name: string;
  readonly resource: PartResource;
}

/** How a resource appears to clients. */
export interface ListedResource extends PartResource {
  readonly part: string;
  /** Its bare name with the part's prefix, or "part:name" where that is ambiguous. */
  readonly listedName: string;
  readonly ambiguous: boolean;
}

/** Resource names to parts (outer contract, "Resource names"). */
export interface ResourceDirectory {
  set(inventory: PartInventory): void;
  remove(part: string): void;
  list(): readonly ListedResource[];
  /** API of a gRPC service, from any part that serves it. */
  api(service: string): PartApi | undefined;
  apis(): Iterable<PartApi>;
  /** Class of a method; `use` for what no part has classified. */
  methodClass(service: string, method: string): MethodClass;
  /**
   * @param home part of the host that the client dialled ("part.robot"): its resources win over equal names elsewhere.
   * @throws VigilError "no_resource" that lists the choices when the bare name is ambiguous.
   */
  resolve(service: string, name: string, home?: string): Destination;
}

const METHOD_CLASSES: ReadonlySet<string> = new Set<MethodClass>(["read", "stop", "move", "move_endless", "use"]);

export function createResourceDirectory(): ResourceDirectory {
  const inventories = new Map<string, PartInventory>();
  /** Service -> API, made anew on every change: changes are rare, calls are not. */
  let services = new Map<string, PartApi>();
  /** Service -> name as a client may write it -> destinations. */
  let names = new Map<string, Map<string, Destination[]>>();
  let listed: ListedResource[] = [];

  const apiKey = (api: { namespace: string; type: string; subtype: string }) =>
    `${api.namespace}:${api.type}:${api.subtype}`;

  function rebuild(): void {
    services = new Map();
    names = new Map();
    const servicesOf = new Map<string, string>();
    for (const { apis } of inventories.values()) {
      for (const api of apis) {
        services.set(api.service, api);
        servicesOf.set(apiKey(api), api.service);
      }
    }
    for (const { part, prefix, resources } of inventories.values()) {
      for (const resource of resources) {
        const service = servicesOf.get(apiKey(resource));
        if (!service) continue;
        const ofService = names.get(service) ?? new Map<string, Destination[]>();
        names.set(service, ofService);
        const destination = { part, name: resource.name, resource };
        for (const name of [`${prefix}${resource.name}`, `${part}:${resource.name}`]) {
          ofService.set(name, [...(ofService.get(name) ?? []), destination]);
        }
      }
    }
    listed = [];
    for (const { part, prefix, resources } of inventories.values()) {
      for (const resource of resources) {
        const service = servicesOf.get(apiKey(resource));
        const bare = `${prefix}${resource.name}`;
        const ambiguous = (service ? (names.get(service)?.get(bare)?.length ?? 0) : 0) > 1;
        listed.push({ ...resource, part, ambiguous, listedName: ambiguous ? `${part}:${resource.name}` : bare });
      }
    }
  }

  return {
    set(inventory) {
      inventories.set(inventory.part, inventory);
      rebuild();
    },
    remove(part) {
      inventories.delete(part);
      rebuild();
    },
    list: () => listed,
    api: (service) => services.get(service),
    apis: () => services.values(),
    methodClass(service, method) {
      const given = services.get(service)?.methods[method];
      return given !== undefined && METHOD_CLASSES.has(given) ? (given as MethodClass) : "use";
    },
    resolve(service, name, home) {
      const found = names.get(service)?.get(name) ?? [];
      if (found.length === 1) return found[0]!;
      const atHome = found.filter((destination) => destination.part === home);
      if (atHome.length === 1) return atHome[0]!;
      const api = services.get(service);
      const what = api ? apiKey(api) : service;
      if (found.length > 1) {
        const choices = found.map((destination) => `${destination.part}:${destination.name}`).join(", ");
        throw new VigilError("no_resource", `several parts have a ${what} named "${name}"; name one of: ${choices}`);
      }
      throw new VigilError(
        "no_resource",
        `no resource of api ${what} is named "${name}"; check the name against ResourceNames`,
      );
    },
  };
}
