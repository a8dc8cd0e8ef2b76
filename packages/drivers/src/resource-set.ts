import { answerWith, type CallHandler, createStatus } from "@vigil/protocol";
import { type Clock, Code, VigilError } from "@vigil/shared";
import { apiName, type Component } from "./component.js";
import type { Api, Attributes, Model, Resource } from "./resource.js";

/** A resource as the configuration asks for it. */
export interface ResourceConfig {
  readonly name: string;
  readonly api: Api;
  /** "rdk:builtin:fake"; a bare word means the same as `rdk:builtin:word`. */
  readonly model: string;
  readonly attributes: Attributes;
  /** Short names, or full ones as in "rdk:component:motor/left". */
  readonly dependsOn: readonly string[];
}

export interface BuiltResource {
  readonly config: ResourceConfig;
  readonly component: Component;
  readonly resource: Resource;
}

/** A resource that could not be built, and why. */
export interface ResourceFailure {
  readonly name: string;
  readonly api: Api;
  readonly error: VigilError;
}

/** The resources of a part. Names are unique per API only: a sensor and a motor may share one. */
export interface ResourceSet {
  /** In the order in which they were built: what a resource depends on comes before it. */
  readonly built: readonly BuiltResource[];
  readonly failures: readonly ResourceFailure[];
  /** @throws VigilError("no_resource") that says why it is not there. */
  get(api: Api, name: string): BuiltResource;
  /** All that bear the name, under any API. */
  find(name: string): readonly BuiltResource[];
  all(): Iterable<Resource>;
  /** Everything that moves together with what bears this name, itself included (see `Resource.drives`). */
  motionGroup(name: string): readonly Resource[];
  /** Closes all, dependents first. @throws VigilError("driver") at the end if some could not be closed. */
  close(): Promise<void>;
}

export interface ResourceSetDeps {
  readonly components: readonly Component[];
  readonly clock: Clock;
  /** Stand-ins for resources of other parts, appended to what a model sees as "all": for the fake camera. */
  readonly neighbours?: () => Iterable<Resource>;
  /** How models reach other parts, on nobody's behalf. Default: no other part can be reached. */
  readonly robot?: CallHandler;
}

const NO_OTHER_PARTS = answerWith(createStatus(Code.unavailable, "no other part can be reached from here"));

/** Builds what can be built; a resource that cannot becomes a failure, and so does what depends on it. */
export function createResourceSet(deps: ResourceSetDeps, configs: readonly ResourceConfig[]): ResourceSet {
  const { built, failures } = buildAll(deps, configs);
  const find = (name: string) => built.filter(({ config }) => config.name === name);
  return {
    built,
    failures,
    get(api, name) {
      const key = keyOf(api, name);
      const found = built.find(({ config }) => keyOf(config.api, config.name) === key);
      if (found) return found;
      const failed = failures.find((failure) => keyOf(failure.api, failure.name) === key);
      const why = failed
        ? `resource ${key} not available; reason=${failed.error.message}`
        : `no resource ${key}: use a name that ResourceNames lists`;
      throw new VigilError("no_resource", why);
    },
    find,
    all: () => built.map(({ resource }) => resource),
    motionGroup: (name) => motionGroup(built, name),
    async close() {
      const problems: string[] = [];
      for (const { resource } of [...built].reverse()) {
        try {
          await resource.close();
        } catch (error) {
          problems.push(`"${resource.name}": ${VigilError.from(error).message}`);
        }
      }
      if (problems.length > 0) throw new VigilError("driver", `could not close ${problems.join("; ")}`);
    },
  };
}

/** "rdk:component:motor/left" */
function keyOf(api: Api, name: string): string {
  return `${apiName(api)}/${name}`;
}

interface Plan {
  readonly config: ResourceConfig;
  readonly component: Component;
  readonly model: Model<Resource>;
  readonly needs: readonly string[];
}

function buildAll(
  { components, clock, neighbours, robot = NO_OTHER_PARTS }: ResourceSetDeps,
  configs: readonly ResourceConfig[],
) {
  const built: BuiltResource[] = [];
  const failures: ResourceFailure[] = [];
  const fail = ({ name, api }: ResourceConfig, error: unknown) =>
    void failures.push({ name, api, error: VigilError.from(error, "driver") });

  let waiting: Plan[] = [];
  for (const config of configs) {
    try {
      waiting.push(plan(components, configs, config));
    } catch (error) {
      fail(config, error);
    }
  }
  const isBuilt = (reference: string) => built.some(({ config }) => refersTo(reference, config));
  const all = function* (): Iterable<Resource> {
    for (const { resource } of built) yield resource;
    if (neighbours) yield* neighbours();
  };
  for (;;) {
    const ready = waiting.find(({ needs }) => needs.every(isBuilt));
    if (!ready) break;
    waiting = waiting.filter((plan) => plan !== ready);
    const { config, component, model } = ready;
    const dependency = <R extends Resource>(name: string): R => dependencyOf<R>(built, config, name);
    try {
      const { name, attributes } = config;
      built.push({ config, component, resource: model.build({ name, attributes, dependency, all, clock, robot }) });
    } catch (error) {
      fail(config, error);
    }
  }
  // First what waits for something that cannot come, as long as there is any; what is left waits in a circle.
  const cause = ({ config, needs }: Plan) => hopeless(configs, failures, config, needs);
  for (let next = waiting.find(cause); next; next = waiting.find(cause)) {
    const { config } = next;
    fail(config, new VigilError("bad_request", cause(next)!));
    waiting = waiting.filter((plan) => plan.config !== config);
  }
  for (const { config, needs } of waiting) {
    const circle = quoted(needs.filter((need) => !isBuilt(need)));
    const wrong = `"${config.name}" depends on ${circle}, in a circle of dependencies`;
    fail(config, new VigilError("bad_request", `${wrong}: take one of them out`));
  }
  return { built, failures };
}

function plan(components: readonly Component[], configs: readonly ResourceConfig[], config: ResourceConfig): Plan {
  const { name, api, attributes, dependsOn } = config;
  if (configs.filter((other) => keyOf(other.api, other.name) === keyOf(api, name)).length > 1) {
    throw new VigilError("bad_request", `the name "${name}" is given twice for ${apiName(api)}: rename one of them`);
  }
  const component = components.find((candidate) => apiName(candidate.api) === apiName(api));
  if (!component) {
    const known = components.map((candidate) => apiName(candidate.api)).join(", ");
    throw new VigilError("bad_request", `the API ${apiName(api)} of "${name}" is unknown: use one of ${known}`);
  }
  const model = component.models.find(({ names }) => names.map(fullModel).includes(fullModel(config.model)));
  if (!model) {
    const known = component.models.map(({ names }) => names.join(" or ")).join(", ");
    const wrong = `the model "${config.model}" of "${name}" is unknown for ${apiName(api)}`;
    throw new VigilError("bad_request", `${wrong}: use ${known}, or configure the module that has it`);
  }
  return { config, component, model, needs: [...new Set([...dependsOn, ...model.dependencies(attributes)])] };
}

function fullModel(model: string): string {
  return model.includes(":") ? model : `rdk:builtin:${model}`;
}

function refersTo(reference: string, { api, name }: Pick<ResourceConfig, "api" | "name">): boolean {
  return reference === name || reference === keyOf(api, name);
}

function dependencyOf<R extends Resource>(built: readonly BuiltResource[], asking: ResourceConfig, name: string): R {
  const candidates = built.filter(({ config }) => refersTo(name, config));
  if (candidates.length === 0) {
    throw new VigilError("bad_request", `"${asking.name}" needs "${name}", which is not there: list it in depends_on`);
  }
  if (candidates.length > 1) {
    const names = candidates.map(({ config }) => keyOf(config.api, config.name)).join(", ");
    throw new VigilError("bad_request", `"${asking.name}" needs "${name}", which is ambiguous: write one of ${names}`);
  }
  return candidates[0]!.resource as R;
}

/** Why the dependencies of a resource will never be there; undefined if that is not known. */
function hopeless(
  configs: readonly ResourceConfig[],
  failures: readonly ResourceFailure[],
  { name }: ResourceConfig,
  needs: readonly string[],
): string | undefined {
  const absent = needs.filter((need) => !configs.some((config) => refersTo(need, config)));
  if (absent.length > 0) return `"${name}" depends on ${quoted(absent)}, not in the configuration: add or rename it`;
  const failed = needs.filter((need) => failures.some((failure) => refersTo(need, failure)));
  if (failed.length > 0) return `"${name}" depends on ${quoted(failed)}, which could not be built: mend that first`;
  return undefined;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** The connected component of `name` in the graph of who drives whom. */
function motionGroup(built: readonly BuiltResource[], name: string): readonly Resource[] {
  const group = new Set([name]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const { resource } of built) {
      const related = [resource.name, ...resource.drives];
      if (!related.some((member) => group.has(member)) || related.every((member) => group.has(member))) continue;
      for (const member of related) group.add(member);
      grew = true;
    }
  }
  return built.filter(({ resource }) => group.has(resource.name)).map(({ resource }) => resource);
}
