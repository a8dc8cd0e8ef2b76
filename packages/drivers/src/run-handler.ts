import type { DescMessage, DescMethod, Message, MessageInitShape } from "@bufbuild/protobuf";
import { VigilError } from "@vigil/shared";
import type { CallContext, Component } from "./component.js";
import type { Resource } from "./resource.js";

type Init = MessageInitShape<DescMessage>;
type ForOne = (resource: Resource, request: Message, context: CallContext) => Promise<Init> | AsyncIterable<Init>;
type ForMany = (
  resource: Resource,
  requests: AsyncIterable<Message>,
  context: CallContext,
) => Promise<Init> | AsyncIterable<Init>;

/**
 * Runs the handler of a method, whatever its kind: messages of `method.input` in, initialisers of `method.output` out.
 * @throws VigilError("no_method") if the component has no handler for it, "bad_request" if a unary request is missing,
 * and whatever the driver throws.
 */
export async function* runHandler(
  component: Component,
  method: DescMethod,
  resource: Resource,
  requests: AsyncIterable<Message>,
  context: CallContext,
): AsyncGenerator<Init, void, undefined> {
  if (!Object.hasOwn(component.handlers, method.localName)) {
    throw new VigilError("no_method", `${method.parent.typeName}/${method.name} is not implemented by this part`);
  }
  const handler: unknown = component.handlers[method.localName];
  const answer =
    method.methodKind === "unary" || method.methodKind === "server_streaming"
      ? (handler as ForOne)(resource, await only(requests, method), context)
      : (handler as ForMany)(resource, requests, context);
  if (Symbol.asyncIterator in answer) yield* answer;
  else yield await answer;
}

async function only(requests: AsyncIterable<Message>, method: DescMethod): Promise<Message> {
  for await (const request of requests) return request;
  throw new VigilError("bad_request", `${method.name} came without its request: send one message`);
}
