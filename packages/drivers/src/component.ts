import type { DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Metadata } from "@vigil/protocol";
import type { MethodClass } from "@vigil/shared";
import type { Act, Api, Model, Resource } from "./resource.js";

export type { MethodClass } from "@vigil/shared";

/** What a handler knows of its call besides the request. */
export interface CallContext {
  readonly act: Act;
  readonly metadata: Metadata;
  /** Response header, before the first message. */
  setHeader(key: string, value: string): void;
}

type Handler<R extends Resource, M extends DescMethod> = M["methodKind"] extends "unary"
  ? (resource: R, request: MessageShape<M["input"]>, context: CallContext) => Promise<MessageInitShape<M["output"]>>
  : M["methodKind"] extends "server_streaming"
    ? (
        resource: R,
        request: MessageShape<M["input"]>,
        context: CallContext,
      ) => AsyncIterable<MessageInitShape<M["output"]>>
    : M["methodKind"] extends "client_streaming"
      ? (
          resource: R,
          requests: AsyncIterable<MessageShape<M["input"]>>,
          context: CallContext,
        ) => Promise<MessageInitShape<M["output"]>>
      : (
          resource: R,
          requests: AsyncIterable<MessageShape<M["input"]>>,
          context: CallContext,
        ) => AsyncIterable<MessageInitShape<M["output"]>>;

/** Handlers of a service, by local method name; what is absent answers UNIMPLEMENTED. */
export type Handlers<R extends Resource, S extends DescService> = {
  [K in keyof S["method"]]?: Handler<R, S["method"][K]>;
};

/** A component or service API as its folder writes it down; see {@link defineComponent}. */
export interface ComponentDefinition<R extends Resource, S extends DescService> {
  readonly api: Api;
  readonly service: S;
  /** Class by method name as on the wire ("SetPower"). */
  readonly methods: Readonly<Record<string, MethodClass>>;
  /**
   * HTTP rule by method name: "PUT /component/motor/{name}/power", served by the gateway below /api/v1. A segment in
   * braces is a field of the request. What is not listed has no REST path.
   */
  readonly rest?: Readonly<Record<string, string>>;
  readonly handlers: Handlers<R, S>;
  readonly models: readonly Model<R>[];
}

/** A handler of any kind of method: `runHandler` knows how to call it. */
export type AnyHandler = (resource: Resource, request: never, context: CallContext) => unknown;

/**
 * A component or service API: one folder of this package holds its .proto, its driver interface, its models and this.
 * Its handlers only ever get resources that its own models (or others for the same API) have built.
 */
export interface Component {
  readonly api: Api;
  readonly service: DescService;
  readonly methods: Readonly<Record<string, MethodClass>>;
  readonly rest?: Readonly<Record<string, string>>;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly models: readonly Model<Resource>[];
}

/** Checks the types of a definition against each other, then forgets them: a part holds components of every kind. */
export function defineComponent<R extends Resource, S extends DescService>(
  definition: ComponentDefinition<R, S>,
): Component {
  return definition as unknown as Component;
}

/** "rdk:component:motor" */
export function apiName({ namespace, type, subtype }: Api): string {
  return `${namespace}:${type}:${subtype}`;
}

/** The class of a method, by its name on the wire. */
export function methodClass(component: Component, method: string): MethodClass {
  return Object.hasOwn(component.methods, method) ? component.methods[method]! : "use";
}
