import type { DescMethod, Message } from "@bufbuild/protobuf";
import { type Act, type CallContext, type Component, runHandler } from "@vigil/drivers";
import { readRelayed, TOKEN_KEY } from "@vigil/links";
import {
  type CallHandler,
  type CallStart,
  type Invoke,
  type Metadata,
  type RequestSink,
  routeServices,
  routingName,
  serveMethods,
  type TypedContext,
  withMetadata,
} from "@vigil/protocol";
import type { GuardCall } from "@vigil/safety";
import { type Clock, type GuardedClass, VigilError } from "@vigil/shared";
import type { GuardRunner } from "../guard/guard-runner.js";
import type { GuardedResource, PartResources } from "../guard/part-resources.js";

export interface PartServicesDeps {
  readonly clock: Clock;
  readonly components: readonly Component[];
  readonly resources: PartResources;
  readonly guard: GuardRunner;
  /** Calls the robot through the gateway. */
  readonly robot: CallHandler;
  /** Tick of the link's frame that is being handled now. */
  currentTick(): number;
}

/** A call between its frames and its handler. */
interface PartCall {
  readonly start: CallStart;
  /** Tick that came with its first message. */
  tick: number;
  /** Its resource's name; set with the first message. */
  name: string | undefined;
  /** Set once the guard knows the call. */
  guarded: number | undefined;
  /** Wakes the handler of a streamed call that waits for its first message. */
  named: (() => void) | undefined;
}

/**
 * Serves the part's components: each call that may move something passes the guard first, and writes to hardware only
 * through the right to act that it gives (rules.md, R5).
 */
export function createPartServices(deps: PartServicesDeps): CallHandler {
  const { clock, guard } = deps;
  /** By the very metadata object of the call: the one thing that reaches its handler unchanged. */
  const calls = new WeakMap<Metadata, PartCall>();
  let lastCallId = 0;

  const served = routeServices(
    Object.fromEntries(
      deps.components.map((component) => [
        component.service.typeName,
        serveMethods(component.service, (method) => invokeWith(component, method), { clock }),
      ]),
    ),
  );

  function invokeWith(component: Component, method: DescMethod): Invoke | undefined {
    if (!Object.hasOwn(component.handlers, method.localName)) return undefined;
    const unaryResponse = method.methodKind === "unary" || method.methodKind === "client_streaming";
    return (request, context) => {
      const responses = runCall(component, method, request, context);
      return unaryResponse ? first(responses, method) : responses;
    };
  }

  async function* runCall(
    component: Component,
    method: DescMethod,
    request: Message | AsyncIterable<Message>,
    context: TypedContext,
  ): AsyncGenerator<unknown, void, undefined> {
    const call = calls.get(context.metadata)!;
    const requests = Symbol.asyncIterator in request ? request : just(request);
    if (call.name === undefined) await untilNamed(call, context.signal);
    const target = deps.resources.get(component, call.name ?? "");
    const methodClass = target.classOf(method.name);
    const handle = (act: Act) => runHandler(component, method, target.resource, requests, handlerContext(context, act));

    if (methodClass === "stop") {
      const { order } = readRelayed(call.start.metadata);
      const token = guard.run((inner, now) => inner.clientStop(target.key, order, now));
      for await (const response of handle(unguardedAct(context))) {
        // It answers once Stop has returned; one that fails leaves the owner in charge (R5).
        guard.run((inner, now) => inner.clientStopped(target.key, token, now));
        yield response;
      }
    } else if (methodClass === "read" || !target.isGuarded) {
      yield* handle(unguardedAct(context));
    } else {
      yield* runGuarded(call, target, method, methodClass, context, handle);
    }
  }

  async function* runGuarded(
    call: PartCall,
    target: GuardedResource,
    method: DescMethod,
    methodClass: GuardedClass,
    context: TypedContext,
    handle: (act: Act) => AsyncGenerator<unknown, void, undefined>,
  ): AsyncGenerator<unknown, void, undefined> {
    const relayed = readRelayed(call.start.metadata);
    if (relayed.session === undefined) {
      throw new VigilError("unauthenticated", `${method.name} needs a session, and the call came without one`);
    }
    const id = ++lastCallId;
    call.guarded = id;
    const guardCall: GuardCall = {
      id,
      resource: target.key,
      method: method.name,
      class: methodClass,
      session: relayed.session,
      incarnation: relayed.incarnation,
      fence: relayed.fence,
      tick: call.tick,
      order: relayed.order,
      connection: relayed.connection,
    };
    const controller = new AbortController();
    const aborted = createDeferred<never>();
    // It may be aborted when nobody waits any more.
    aborted.promise.catch(() => undefined);
    const admitted = createDeferred<void>();
    const onCancel = () => {
      admitted.reject(new VigilError("cancelled", "the call was cancelled"));
      guard.run((inner, now) => inner.cancelled(id, now));
    };
    context.signal.addEventListener("abort", onCancel, { once: true });
    guard.request(guardCall, {
      start: () => admitted.resolve(),
      refuse: (error) => admitted.reject(error),
      abort(error) {
        controller.abort(error);
        aborted.reject(error);
      },
    });
    try {
      await admitted.promise;
    } finally {
      if (context.signal.aborted) context.signal.removeEventListener("abort", onCancel);
    }
    const act: Act = {
      signal: controller.signal,
      write(command) {
        const error = guard.guard.mayAct(id, clock.now());
        if (error) throw error;
        return command();
      },
      validForMs: () => guard.guard.validForMs(id, clock.now()),
      robot: onBehalf(relayed.token),
    };
    const responses = handle(act);
    // The caller hears of an abort at once; the guard hears of the handler's end when it has really ended.
    let settled = false;
    const settle = () => {
      if (settled) return;
      settled = true;
      context.signal.removeEventListener("abort", onCancel);
      guard.settled(id);
    };
    try {
      for (;;) {
        const step = responses.next();
        step.then((result) => result.done && settle(), settle);
        const result = await Promise.race([step, aborted.promise]);
        if (result.done) return;
        yield result.value;
      }
    } finally {
      if (!settled) {
        if (!controller.signal.aborted) {
          controller.abort(new VigilError("cancelled", "nobody reads the responses any more"));
        }
        // Waits for the step under way: an aborted handler that ends well has settled too (R5).
        responses.return(undefined).then(settle, settle);
      }
    }
  }

  /** Calls with the authority of the call that is being served; without a token they have none (R8). */
  function onBehalf(token: string | undefined): CallHandler {
    return (start, response) =>
      deps.robot({ ...start, metadata: withMetadata(start.metadata, { [TOKEN_KEY]: token }) }, response);
  }

  /** For calls that need no lease: reads, Stop, and what has no Stop and so is unprotected (R5). */
  function unguardedAct(context: TypedContext): Act {
    return {
      get signal() {
        return context.signal; // Made when it is first asked for.
      },
      write: (command) => command(),
      validForMs: () => Infinity,
      robot: onBehalf(undefined),
    };
  }

  return (start, response): RequestSink => {
    const call: PartCall = { start, tick: deps.currentTick(), name: undefined, guarded: undefined, named: undefined };
    calls.set(start.metadata, call);
    const sink = served(start, response);
    return {
      message(bytes) {
        const tick = deps.currentTick();
        if (call.name === undefined) {
          call.tick = tick;
          call.name = routingName(start.method, bytes) ?? "";
          call.named?.();
        } else if (call.guarded !== undefined) {
          const id = call.guarded;
          if (!guard.run((inner, now) => inner.messageArrived(id, tick, now))) return;
        }
        sink.message(bytes);
      },
      end: () => sink.end(),
      cancel: (status) => sink.cancel(status),
    };
  };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: VigilError): void;
}

function createDeferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: VigilError) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function untilNamed(call: PartCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    call.named = resolve;
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function* just(message: Message): AsyncIterable<Message> {
  yield message;
}

async function first(responses: AsyncGenerator<unknown>, method: DescMethod): Promise<unknown> {
  for await (const response of responses) return response;
  throw new VigilError("driver", `the driver gave no answer to ${method.name}`);
}

const handlerContext = (context: TypedContext, act: Act): CallContext => ({
  act,
  metadata: context.metadata,
  setHeader: context.setHeader,
});
