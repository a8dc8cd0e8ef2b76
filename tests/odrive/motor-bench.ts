import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import {
  type Act,
  type Attributes,
  createResourceSet,
  loadComponents,
  type Resource,
  runHandler,
} from "@vigil/drivers";
import { NO_METADATA, unimplemented } from "@vigil/protocol";
import { createSystemClock, VigilError } from "@vigil/shared";

/** A right to act, with the part-agent's loop that feeds watchdogs while it lasts. */
export interface TestLease {
  readonly act: Act;
  /** As the part-agent does for a resource whose owner may move. */
  keepFeeding(resource: Resource): void;
  /** Refuses every further write, and feeds no more: the lease has passed. */
  end(): void;
  /** Aborts what runs, as a hurry. */
  abort(): void;
}

/** Motors of the model odrive, called as a part's services call them. */
export interface MotorBench {
  call(name: string, method: string, request?: Attributes, act?: Act): Promise<Record<string, unknown>>;
  motor(name: string): Resource;
  /** Messages of what could not be built. */
  readonly failures: readonly string[];
  close(): Promise<void>;
}

/** The guard's tick (packages/safety/src/bounds.ts). */
const FEED_PERIOD_MS = 50;

export function createTestLease(): TestLease {
  const controller = new AbortController();
  let live = true;
  const timers: NodeJS.Timeout[] = [];
  return {
    act: {
      signal: controller.signal,
      write(command) {
        if (!live) throw new VigilError("fenced", "the test took the right to act away");
        return command();
      },
      validForMs: () => (live ? 1000 : 0),
      robot: (start, response) => unimplemented(start.method)(start, response),
    },
    keepFeeding(resource) {
      timers.push(setInterval(() => live && resource.feed?.(1000), FEED_PERIOD_MS));
    },
    end() {
      live = false;
      for (const timer of timers) clearInterval(timer);
    },
    abort: () => controller.abort(new VigilError("cancelled", "the test aborted the call")),
  };
}

/** Builds motors by name from their attributes. */
export async function createMotorBench(motors: Readonly<Record<string, Attributes>>): Promise<MotorBench> {
  const api = { namespace: "rdk", type: "component", subtype: "motor" } as const;
  const set = createResourceSet(
    { components: await loadComponents(), clock: createSystemClock() },
    Object.entries(motors).map(([name, attributes]) => ({ name, api, model: "odrive", attributes, dependsOn: [] })),
  );
  const motor = (name: string) => set.get(api, name);
  return {
    failures: set.failures.map(({ error }) => error.message),
    motor: (name) => motor(name).resource,
    async call(name, methodName, request = {}, act = createTestLease().act) {
      const { component, resource } = motor(name);
      const method = component.service.methods.find((candidate) => candidate.name === methodName);
      assert.ok(method, `a motor has no ${methodName}`);
      const requests = (async function* () {
        yield create(method.input, { name, ...request });
      })();
      const context = { act, metadata: NO_METADATA, setHeader() {} };
      for await (const answer of runHandler(component, method, resource, requests, context)) {
        return create(method.output, answer as Record<string, unknown>) as unknown as Record<string, unknown>;
      }
      throw new Error(`${methodName} gave no answer`);
    },
    close: () => set.close(),
  };
}
