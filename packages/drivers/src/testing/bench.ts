import assert from "node:assert/strict";
import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { NO_METADATA, unimplemented } from "@vigil/protocol";
import { VigilError } from "@vigil/shared";
import type { Component } from "../component.js";
import { loadComponents } from "../load-components.js";
import type { Act, Attributes, Resource } from "../resource.js";
import { createResourceSet, type ResourceConfig, type ResourceSet } from "../resource-set.js";
import { runHandler } from "../run-handler.js";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.js";

/** A right to act that a test takes away: `fence` refuses writes, `abort` only hurries. */
export interface TestAct extends Act {
  fence(): void;
  abort(): void;
  writes(): number;
}

export function createTestAct(): TestAct {
  const controller = new AbortController();
  let fenced = false;
  let writes = 0;
  return {
    signal: controller.signal,
    write(command) {
      if (fenced) throw new VigilError("fenced", "the test took the right to act away");
      writes += 1;
      return command();
    },
    validForMs: () => (fenced ? 0 : 1000),
    robot: (start, response) => unimplemented(start.method)(start, response),
    fence() {
      fenced = true;
    },
    abort: () => controller.abort(),
    writes: () => writes,
  };
}

/** `["motor/left", { max_rpm: 60 }]` */
export type Entry = readonly [resource: string, attributes?: Attributes, dependsOn?: readonly string[]];

export function config([resource, attributes = {}, dependsOn = []]: Entry): ResourceConfig {
  const [subtype = "", name = ""] = resource.split("/");
  return {
    name,
    api: { namespace: "rdk", type: "component", subtype },
    model: "rdk:builtin:fake",
    attributes,
    dependsOn,
  };
}

/** A part under test: fakes of all kinds on a virtual clock, called as a client's messages call them. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly set: ResourceSet;
  resource<R extends Resource>(resource: string): R;
  /** A unary call with real bytes both ways. */
  call(resource: string, method: string, request?: Attributes, act?: Act): Promise<Record<string, unknown>>;
  stream(resource: string, method: string, requests: AsyncIterable<Attributes>, act?: Act): AsyncIterable<object>;
  /** Lets `ms` pass and gives what the promise gives. */
  during<T>(ms: number, promise: Promise<T>): Promise<T>;
}

export async function createBench(...entries: readonly Entry[]): Promise<Bench> {
  const clock = createVirtualClock();
  const set = createResourceSet({ components: await loadComponents(), clock }, entries.map(config));
  assert.deepEqual(set.failures, []);
  const built = (resource: string) => {
    const { api, name } = config([resource]);
    return set.get(api, name);
  };
  const stream: Bench["stream"] = async function* (resource, name, requests, act = createTestAct()) {
    const { component, resource: target } = built(resource);
    const method = methodOf(component, name);
    const wired = overTheWire(method, requests);
    const context = { act, metadata: NO_METADATA, setHeader() {} };
    for await (const answer of runHandler(component, method, target, wired, context)) {
      yield fromBinary(method.output, toBinary(method.output, create(method.output, answer)));
    }
  };
  return {
    clock,
    set,
    resource: <R extends Resource>(resource: string) => built(resource).resource as R,
    async call(resource, name, request = {}, act) {
      const one = async function* () {
        yield request;
      };
      for await (const answer of stream(resource, name, one(), act)) return answer as Record<string, unknown>;
      throw new Error(`${name} gave no answer`);
    },
    stream,
    async during(ms, promise) {
      // A rejection that comes while time passes is the caller's to see, later.
      promise.catch(() => undefined);
      await clock.advance(ms);
      return promise;
    },
  };
}

function methodOf(component: Component, name: string): DescMethod {
  const method = component.service.methods.find((candidate) => candidate.name === name);
  assert.ok(method, `${component.service.typeName} has no ${name}`);
  return method;
}

async function* overTheWire(method: DescMethod, requests: AsyncIterable<Attributes>): AsyncGenerator<Message> {
  for await (const request of requests) {
    yield fromBinary(method.input, toBinary(method.input, create(method.input, request)));
  }
}

/** For `assert.rejects`: this reason, and a message that matches. */
export function refusal(reason: VigilError["reason"], message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof VigilError, `not a VigilError: ${String(error)}`);
    assert.equal(error.reason, reason, error.message);
    assert.match(error.message, message);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is exactly what is asserted
    assert.match(error.message, /^[\x00-\x7f]*$/);
    return true;
  };
}
