import {
  create,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, VigilError } from "@vigil/shared";
import { type CallHandler, type Metadata, NO_METADATA, type RequestSink, type Status } from "../call.js";
import { CallError, createStatus } from "../status.js";
import { createMessageQueue } from "./message-queue.js";

export interface TypedCallOptions {
  readonly metadata?: Metadata;
  /** Told to the server, which ends the call; nothing is timed here. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onHeaders?: (metadata: Metadata) => void;
  readonly onTrailers?: (metadata: Metadata) => void;
}

/** What a typed client offers for a method. Failed calls throw {@link CallError}; leaving a stream early cancels it. */
export type TypedCall<M extends DescMethod> = M["methodKind"] extends "unary"
  ? (request: Init<M>, options?: TypedCallOptions) => Promise<MessageShape<M["output"]>>
  : M["methodKind"] extends "server_streaming"
    ? (request: Init<M>, options?: TypedCallOptions) => AsyncIterable<MessageShape<M["output"]>>
    : M["methodKind"] extends "client_streaming"
      ? (requests: AsyncIterable<Init<M>>, options?: TypedCallOptions) => Promise<MessageShape<M["output"]>>
      : (requests: AsyncIterable<Init<M>>, options?: TypedCallOptions) => AsyncIterable<MessageShape<M["output"]>>;

type Init<M extends DescMethod> = MessageInitShape<M["input"]>;

/** Calls of a service by local method name ("setPower"). */
export type TypedClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: TypedCall<S["method"][K]>;
};

/** A typed client over anything that takes calls: a local service, a router, a channel. */
export function createTypedClient<S extends DescService>(service: S, call: CallHandler): TypedClient<S> {
  const client: Record<string, unknown> = {};
  for (const method of service.methods) {
    const { methodKind } = method;
    const manyIn = methodKind === "client_streaming" || methodKind === "bidi_streaming";
    const manyOut = methodKind === "server_streaming" || methodKind === "bidi_streaming";
    client[method.localName] = (input: unknown, options: TypedCallOptions = {}) => {
      const responses = run(method, call, manyIn ? (input as AsyncIterable<unknown>) : one(input), options);
      return manyOut ? responses : single(method, responses);
    };
  }
  return client as TypedClient<S>;
}

function run(
  method: DescMethod,
  call: CallHandler,
  requests: Iterable<unknown> | AsyncIterable<unknown>,
  options: TypedCallOptions,
): AsyncIterable<Message> {
  let sink: RequestSink | undefined;
  let settled = false;
  const cancel = (status: Status, error: unknown = new CallError(status)) => {
    if (settled) return;
    settle();
    queue.fail(error);
    sink?.cancel(status);
  };
  const onAbort = () => cancel(ABORTED);
  const queue = createMessageQueue<Message>({ onReturn: () => cancel(LEFT) });
  const settle = () => {
    settled = true;
    options.signal?.removeEventListener("abort", onAbort);
  };
  const start = {
    method: `/${method.parent.typeName}/${method.name}`,
    metadata: options.metadata ?? NO_METADATA,
    timeoutMs: options.timeoutMs,
  };
  if (options.signal?.aborted) {
    cancel(ABORTED);
    return queue.messages;
  }
  options.signal?.addEventListener("abort", onAbort);
  sink = call(start, {
    headers: (metadata) => options.onHeaders?.(metadata),
    message(bytes) {
      if (settled) return;
      try {
        if (!queue.push(fromBinary(method.output, bytes), bytes.length)) cancel(SLOW_READER);
      } catch (error) {
        cancel(createStatus(Code.internal, `the response is no ${method.output.typeName}: ${String(error)}`));
      }
    },
    trailers(status, metadata) {
      if (settled) return;
      settle();
      options.onTrailers?.(metadata ?? NO_METADATA);
      if (status.code === Code.ok) queue.end();
      else queue.fail(new CallError(status));
    },
  });
  void send(method, requests, sink, () => settled).catch((error: unknown) => {
    cancel(createStatus(Code.cancelled, VigilError.from(error).message), error);
  });
  return queue.messages;
}

async function send(
  method: DescMethod,
  requests: Iterable<unknown> | AsyncIterable<unknown>,
  sink: RequestSink,
  settled: () => boolean,
): Promise<void> {
  const encode = (request: unknown) =>
    toBinary(method.input, create(method.input, request as MessageInitShape<typeof method.input>));
  if (Symbol.iterator in requests) {
    for (const request of requests) sink.message(encode(request));
  } else {
    for await (const request of requests) {
      if (settled()) return;
      sink.message(encode(request));
    }
  }
  if (!settled()) sink.end();
}

function* one(request: unknown): Iterable<unknown> {
  yield request;
}

async function single(method: DescMethod, responses: AsyncIterable<Message>): Promise<Message> {
  let response: Message | undefined;
  for await (const message of responses) {
    if (response !== undefined) throw new VigilError("internal", `${method.name} answered with more than one message`);
    response = message;
  }
  if (response === undefined) throw new VigilError("internal", `${method.name} ended without a response`);
  return response;
}

const ABORTED = createStatus(Code.cancelled, "the caller aborted the call");
const LEFT = createStatus(Code.cancelled, "the caller stopped reading");
const SLOW_READER = createStatus(Code.resourceExhausted, "responses come faster than they are read");
