import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createResourceSet, loadComponents, type Resource } from "@vigil/drivers";
import { createVirtualClock } from "@vigil/leases/testing";
import { stampRelayed } from "@vigil/links";
import { answerWith, createStatus, createTypedClient, NO_METADATA } from "@vigil/protocol";
import { fenceOf, type GuardEvent } from "@vigil/safety";
import { Code, createConfigContext, createLogger, loadPartConfig } from "@vigil/shared";
import type { ManualClock } from "@vigil/shared/testing";
import type { EscalationStep } from "../guard/escalation.js";
import { createGuardRunner, type GuardRunnerDeps, type PartGuardRunner } from "../guard/guard-runner.js";
import { createPartResources, type GuardedResource } from "../guard/part-resources.js";
import { createPartServices } from "../services/part-services.js";

type Json = Readonly<Record<string, unknown>>;

/** A command that reached the simulated hardware; `t` by the bench's clock, absent where nobody of the part wrote it. */
export interface HardwareLine {
  readonly t?: number;
  readonly device: string;
  readonly command: string;
  readonly args: Json;
}

/** A client whose lease lives until it lapses or ends. */
export interface BenchClient {
  /** A unary call, "motor/left" and "SetPower", with real bytes; rejects with the status's message. */
  call(resource: string, method: string, request?: Json): Promise<unknown>;
  /** Nothing renews its lease any more. */
  silence(): void;
  end(): void;
}

/** The guard, its stops and the services of one part on fakes, without link and processes, on a virtual clock. */
export interface PartBench {
  readonly clock: ManualClock;
  readonly runner: PartGuardRunner;
  readonly events: readonly GuardEvent[];
  readonly steps: readonly { readonly resource: string; readonly step: EscalationStep; readonly ok: boolean }[];
  client(session: string): BenchClient;
  resource(key: string): GuardedResource;
  /** What reached the hardware, from the `from`th line on. */
  hardware(from?: number): HardwareLine[];
  /** "left stop" and so on, in order. */
  commands(from?: number): string[];
  /** Moves the boot-time clock against the monotonic one. */
  sleep(ms: number): void;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const BOOT_ID = "boot";
const INCARNATION = "store";
const WINDOW_MS = 2000;
/** How often leases are renewed and the link is proven alive, in ms. */
const RENEWAL_MS = 100;
/** How finely time passes, in ms. */
const STEP_MS = 1;

const noLine = () => assert.fail("this part has no output line");

/** @param prepare changes a built resource before the part sees it. */
export async function createPartBench(
  components: readonly Json[],
  prepare: (resource: Resource) => void = () => {},
  options: Partial<Pick<GuardRunnerDeps, "memory" | "lines" | "report">> = {},
): Promise<PartBench> {
  const directory = mkdtempSync(join(tmpdir(), "vigil-part-bench-"));
  const log = join(directory, "devices.log");
  const text = JSON.stringify({
    part: { name: "main", gateway: "ws://127.0.0.1:1", secret: "no gateway ever sees this secret" },
    components: components.map((component) => ({
      model: "fake",
      ...component,
      api: `rdk:component:${String(component.api)}`,
      attributes: { log_path: log, ...(component.attributes as Json) },
    })),
  });
  const { config, problems } = loadPartConfig(text, createConfigContext({ directory, env: {} }));
  assert.ok(config, JSON.stringify(problems));

  const clock = createVirtualClock();
  const robot = answerWith(createStatus(Code.unavailable, "there is no other part"));
  const kinds = await loadComponents();
  const set = createResourceSet({ components: kinds, clock, robot }, config.resources);
  assert.deepEqual(set.failures, []);
  for (const { resource } of set.built) prepare(resource);
  const resources = createPartResources(set, config.resources);
  const events: GuardEvent[] = [];
  const steps: { resource: string; step: EscalationStep; ok: boolean }[] = [];
  const beats = new Map<string, number>();
  const silent = new Set<string>();
  const fences = new Map<string, string>();
  let generation = 0;
  let tick = 0;
  let beat = 0;
  let asleepMs = 0;

  const answerLeases = () =>
    runner.run((guard, now) => {
      const answers = guard.sessionsToAsk(now).map((id) => {
        const facts = { windowMs: WINDOW_MS, moveLeftMs: WINDOW_MS, quietLeftMs: WINDOW_MS, beat: beats.get(id) ?? 0 };
        return { id, facts };
      });
      guard.leasesAnswered(now, INCARNATION, answers, now);
    });
  const runner: PartGuardRunner = createGuardRunner(
    {
      clock,
      log: createLogger({ destination: { write() {} } }),
      resources,
      robot,
      memory: { recalled: new Map(), remember: async () => undefined, forget: () => undefined, ...options.memory },
      lines: { cut: noLine, restore: noLine, ...options.lines },
      bootTimeMs: () => clock.now() + asleepMs,
      escalated: ({ key }, step, ok) => void steps.push({ resource: key, step, ok }),
      // Never synchronously: the guard is in the middle of an input.
      askLeases: () => void clock.after(0, answerLeases),
      report(event) {
        events.push(event);
        options.report?.(event);
        if (event.kind !== "fenced") return;
        if (event.session === undefined) {
          generation = event.generation;
          fences.clear();
        } else fences.set(event.session, event.fence);
      },
      ticked(number) {
        tick = number;
      },
    },
    { bootId: BOOT_ID, windowMs: WINDOW_MS },
  );
  const services = createPartServices({
    clock,
    components: kinds,
    resources,
    guard: runner,
    robot,
    currentTick: () => tick,
  });
  const renew = () => {
    beat += 1;
    for (const id of beats.keys()) if (!silent.has(id)) beats.set(id, beat);
    runner.run((guard, now) => guard.linkAlive(now, now));
    answerLeases();
    renewal = clock.after(RENEWAL_MS, renew);
  };
  let renewal = clock.after(0, renew);
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      clock.advance(Math.min(STEP_MS, left));
      // What the step has set going settles before time goes on.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  await pass(RENEWAL_MS);

  const hardware = (from = 0): HardwareLine[] => {
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, "utf8").trim().split("\n");
    return lines
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as HardwareLine)
      .slice(from);
  };
  return {
    clock,
    runner,
    events,
    steps,
    resource: (key) => resources.byKey(key)!,
    client(session) {
      beats.set(session, beat);
      return {
        async call(resource, method, request = {}) {
          const [subtype = "", name = ""] = resource.split("/");
          const { service } = kinds.find(({ api }) => api.subtype === subtype)!;
          const metadata = stampRelayed(NO_METADATA, {
            session,
            incarnation: INCARNATION,
            fence: fences.get(session) ?? fenceOf(BOOT_ID, generation, 0),
            operation: "operation",
            order: 0,
            connection: `connection of ${session}`,
            token: undefined,
          });
          const found = service.methods.find((candidate) => candidate.name === method)!;
          const typed = createTypedClient(service, services) as Record<string, (...args: unknown[]) => unknown>;
          return typed[found.localName]!({ name, ...request }, { metadata });
        },
        silence: () => void silent.add(session),
        end: () => runner.run((guard, now) => guard.sessionEnded(session, now)),
      };
    },
    hardware,
    commands: (from) => hardware(from).map(({ device, command }) => `${device} ${command}`),
    sleep(ms) {
      asleepMs += ms;
    },
    pass,
    async close() {
      renewal.cancel();
      runner.close();
      await set.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
