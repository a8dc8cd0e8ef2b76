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
import { type Clock, Code, type Timer, VigilError } from "@vigil/shared";
import {
  type CallHandler,
  type CallStart,
  IGNORE_REQUESTS,
  type Metadata,
  OK,
  type RequestSink,
  type ResponseSink,
  type Status,
} from "../call.js";
import { addValues, joinMetadata, metadataOf } from "../metadata.js";
import { answerWith, createStatus, statusOf } from "../status.js";
import { createMessageQueue } from "./message-queue.js";

/** What a typed handler knows of its call besides the request. */
export interface TypedContext {
  /** "/package.Service/Method" */
  readonly method: string;
  readonly metadata: Metadata;
  /** Time that the caller gave at the start, in ms. */
  readonly timeoutMs: number | undefined;
  /** Aborts when the caller cancels or its deadline passes; nothing that the handler does is sent after. */
  readonly signal: AbortSignal;
  /** Response header; has no effect after the first message of the response. */
  setHeader(key: string, value: string): void;
  setTrailer(key: string, value: string): void;
}

/** A method's handler: requests are a message or an async iterable of them, as the method's kind says; so are results. */
export type TypedHandler<M extends DescMethod> = M["methodKind"] extends "unary"
  ? (request: MessageShape<M["input"]>, context: TypedContext) => Result<M> | Promise<Result<M>>
  : M["methodKind"] extends "server_streaming"
    ? (request: MessageShape<M["input"]>, context: TypedContext) => AsyncIterable<Result<M>>
    : M["methodKind"] extends "client_streaming"
      ? (requests: AsyncIterable<MessageShape<M["input"]>>, context: TypedContext) => Promise<Result<M>>
      : (requests: AsyncIterable<MessageShape<M["input"]>>, context: TypedContext) => AsyncIterable<Result<M>>;

type Result<M extends DescMethod> = MessageInitShape<M["output"]>;

/** Handlers of a service by local method name ("setPower"); what is absent answers UNIMPLEMENTED. */
export type TypedHandlers<S extends DescService> = {
  [K in keyof S["method"]]?: TypedHandler<S["method"][K]>;
};

/**
 * A handler whose kind is known at run time only: for who puts something around all methods of all services (finds the
 * resource, asks the guard). It gets a message for unary and server-streaming methods, else an async iterable of them,
 * and gives back a message (or a promise of one) for unary and client-streaming methods, else an async iterable.
 */
export type Invoke = (request: Message | AsyncIterable<Message>, context: TypedContext) => unknown;

export interface ServeDeps {
  /** For deadlines. */
  readonly clock: Clock;
}

/**
 * Answers the calls of `service` with typed handlers.
 *
 * A VigilError that a handler throws becomes its code and message, any other error UNKNOWN and its message. A request
 * that cannot be decoded answers INVALID_ARGUMENT, a response that cannot be encoded INTERNAL, a passed deadline
 * DEADLINE_EXCEEDED at once, whatever the handler still does.
 */
export function serveTyped<S extends DescService>(
  service: S,
  handlers: TypedHandlers<S>,
  deps: ServeDeps,
): CallHandler {
  const table = handlers as Readonly<Record<string, Invoke | undefined>>;
  return serveMethods(service, (method) => table[method.localName]?.bind(handlers), deps);
}

/** The same with handlers that are found by their method; undefined answers UNIMPLEMENTED. Asked once per method. */
export function serveMethods(
  service: DescService,
  find: (method: DescMethod) => Invoke | undefined,
  deps: ServeDeps,
): CallHandler {
  const methods = new Map<string, CallHandler>();
  for (const method of service.methods) {
    const invoke = find(method);
    if (invoke === undefined) continue;
    methods.set(`/${service.typeName}/${method.name}`, (start, response) =>
      startCall(method, invoke, start, response, deps),
    );
  }
  return (start, response) => (methods.get(start.method) ?? unimplemented(start.method))(start, response);
}

/** Answers UNIMPLEMENTED for `method`. */
export function unimplemented(method: string): CallHandler {
  return answerWith(createStatus(Code.unimplemented, `method ${method} is not implemented`));
}

function startCall(
  method: DescMethod,
  invoke: Invoke,
  start: CallStart,
  response: ResponseSink,
  deps: ServeDeps,
): RequestSink {
  const call = createCall(method, start, response, deps);
  if (call.done) return IGNORE_REQUESTS;
  const streaming = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  return streaming ? streamRequests(call, invoke) : singleRequest(call, invoke);
}

/** One call under way: what it may still send, its context and its end. */
interface Call {
  readonly method: DescMethod;
  readonly context: TypedContext;
  readonly done: boolean;
  /** Called once when the call ends before its handler does. */
  onAbort: ((error: VigilError) => void) | undefined;
  send(result: unknown): void;
  finish(status: Status): void;
  fail(error: unknown): void;
  cancel(status: Status): void;
}

function createCall(method: DescMethod, start: CallStart, response: ResponseSink, deps: ServeDeps): Call {
  const headers = new Map<string, readonly string[]>();
  const trailers = new Map<string, readonly string[]>();
  let controller: AbortController | undefined;
  let abortedWith: VigilError | undefined;
  let timer: Timer | undefined;
  let headersSent = false;

  const sendHeaders = () => {
    headersSent = true;
    if (headers.size > 0) response.headers(headers);
  };

  const abort = (error: VigilError) => {
    abortedWith = error;
    controller?.abort(error);
    call.onAbort?.(error);
  };

  const call: Draft<Call> = {
    method,
    done: false,
    onAbort: undefined,
    context: {
      method: start.method,
      metadata: start.metadata,
      timeoutMs: start.timeoutMs,
      // Made when it is first asked for: most unary handlers never look.
      get signal() {
        controller ??= new AbortController();
        if (abortedWith !== undefined) controller.abort(abortedWith);
        return controller.signal;
      },
      setHeader: (key, value) => addValues(headers, key, [value]),
      setTrailer: (key, value) => addValues(trailers, key, [value]),
    },
    send(result) {
      if (call.done) return;
      const bytes = encode(method, result);
      if (!headersSent) sendHeaders();
      response.message(bytes);
    },
    finish(status) {
      if (call.done) return;
      call.done = true;
      timer?.cancel();
      if (!headersSent && status.code === Code.ok) sendHeaders();
      const metadata = headersSent ? trailers : joinMetadata(headers, trailers);
      response.trailers(status, metadataOf(metadata));
    },
    fail(error) {
      if (call.done) return;
      call.finish(statusOf(error));
      abort(VigilError.from(error));
    },
    cancel(status) {
      if (call.done) return;
      call.done = true;
      timer?.cancel();
      abort(new VigilError("cancelled", status.message || "the call was cancelled"));
    },
  };

  if (start.timeoutMs !== undefined) {
    const expire = () =>
      call.fail(new VigilError("deadline", `the call took longer than the ${start.timeoutMs} ms given to it`));
    if (start.timeoutMs <= 0) expire();
    else timer = deps.clock.after(start.timeoutMs, expire);
  }
  return call;
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };

function singleRequest(call: Call, invoke: Invoke): RequestSink {
  let started = false;
  return {
    message(bytes) {
      if (call.done) return;
      if (started)
        return call.fail(new VigilError("bad_request", "more than one request message: this method takes one"));
      started = true;
      try {
        const request = decode(call.method, bytes);
        answer(call, () => invoke(request, call.context));
      } catch (error) {
        call.fail(error);
      }
    },
    end() {
      if (!started) call.fail(new VigilError("bad_request", "the request stream ended without a message: send one"));
    },
    cancel: (status) => call.cancel(status),
  };
}

function streamRequests(call: Call, invoke: Invoke): RequestSink {
  const queue = createMessageQueue<Message>();
  call.onAbort = (error) => queue.fail(error);
  answer(call, () => invoke(queue.messages, call.context));
  return {
    message(bytes) {
      if (call.done) return;
      try {
        if (queue.push(decode(call.method, bytes), bytes.length)) return;
        throw new VigilError("limit", "requests come faster than they are handled: send fewer, or wait for responses");
      } catch (error) {
        call.fail(error);
      }
    },
    end: () => queue.end(),
    cancel: (status) => call.cancel(status),
  };
}

/** Runs the handler and sends what it gives; settles the call in every case. */
function answer(call: Call, run: () => unknown): void {
  const { methodKind } = call.method;
  if (methodKind === "server_streaming" || methodKind === "bidi_streaming") {
    void pump(call, run).catch((error: unknown) => call.fail(error));
    return;
  }
  const reply = (result: unknown) => {
    call.send(result);
    call.finish(OK);
  };
  try {
    const result = run();
    if (result instanceof Promise) result.then(reply).catch((error: unknown) => call.fail(error));
    else reply(result);
  } catch (error) {
    call.fail(error);
  }
}

async function pump(call: Call, run: () => unknown): Promise<void> {
  for await (const result of run() as AsyncIterable<unknown>) {
    if (call.done) return;
    call.send(result);
  }
  call.finish(OK);
}

function decode(method: DescMethod, bytes: Uint8Array): Message {
  try {
    return fromBinary(method.input, bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VigilError("bad_request", `the request is no ${method.input.typeName}: ${why}`, { cause: error });
  }
}

function encode(method: DescMethod, result: unknown): Uint8Array {
  try {
    return toBinary(method.output, create(method.output, result as MessageInitShape<typeof method.output>));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VigilError("internal", `the response is no ${method.output.typeName}: ${why}`, { cause: error });
  }
}
