import { uptime } from "node:os";
import { join } from "node:path";
import { createResourceSet, loadComponents } from "@vigil/drivers";
import {
  createRedisStore,
  createRemoteReader,
  type LeaseReader,
  type RemoteAnswer,
  type RemoteReader,
} from "@vigil/leases";
import { type ControlMessage, readLeaseReply } from "@vigil/links";
import { answerWith, type CallHandler, createStatus } from "@vigil/protocol";
import type { GuardEvent } from "@vigil/safety";
import {
  type AppControl,
  Code,
  createSystemClock,
  type Logger,
  linesOf,
  type PartConfig,
  type RunningApp,
  systemRandom,
  uuid,
  VigilError,
} from "@vigil/shared";
import {
  createExposition,
  createLoopLagHistogram,
  createOpsServer,
  createPartMetrics,
  watchLoopLag,
} from "@vigil/telemetry";
import { emergencyPlans } from "./guard/escalation.js";
import { createGuardRunner, type PartGuardRunner } from "./guard/guard-runner.js";
import { createOutputLines } from "./guard/output-lines.js";
import { createPartResources, type PartResources } from "./guard/part-resources.js";
import { createRearmMemory, type RearmMemory } from "./guard/rearm-memory.js";
import { createStopEverything } from "./guard/stop-everything.js";
import { createLeasePoller } from "./leases/lease-poller.js";
import { createGatewayLink, type GatewayLink } from "./link/gateway-link.js";
import { guardReport } from "./link/guard-report.js";
import { describeInventory } from "./link/inventory.js";
import { createStateReporter } from "./ops/state-reporter.js";
import { loadIoctl } from "./sentinel/gpio-abi.js";
import { createSentinelProcess } from "./sentinel/sentinel-process.js";
import { createPartServices } from "./services/part-services.js";

export const VERSION = "0.1.0";

/** The window before a lease has told the gateway's: the default of Viam's sessions. */
const DEFAULT_WINDOW_MS = 2000;
/** How long the start and StopAll wait for acknowledgements, in ms: less than the gateway waits for the answer. */
const STOP_ALL_TIMEOUT_MS = 4000;
/** At the end: longer, and whoever stops us would lose patience (outer contract, "Start and end"). */
const SHUTDOWN_STOP_MS = 2000;
/** Leases that are older than this when they come are no use to a command that is at most 300 ms old. */
const LEASE_TIMEOUT_MS = 250;

const NOT_STARTED = answerWith(createStatus(Code.unavailable, "this part is still starting"));

/** The part-agent's parts, put together by hand, once. */
export async function createPartAgent(config: PartConfig, log: Logger, control: AppControl): Promise<RunningApp> {
  const clock = createSystemClock();
  const random = systemRandom;
  const { name, secret, gateway, tlsVerify, carrier } = config.part;
  const bootId = uuid(random);
  const metrics = createPartMetrics();
  const loopLag = createLoopLagHistogram(metrics.registry);
  const lagWatch = watchLoopLag(clock, (lagMs) => loopLag.observe(lagMs / 1000));

  let link: GatewayLink | undefined;
  const components = await loadComponents();
  const buildable = config.resources.filter(({ problem }) => problem === undefined);
  const robot: CallHandler = (start, response) => (link?.call ?? NOT_STARTED)(start, response);
  const set = createResourceSet({ components, clock, robot }, buildable);
  for (const failure of set.failures) {
    log.error({ resource: failure.name, error: failure.error.message }, "a resource could not be built");
  }
  const resources = createPartResources(set, config.resources);
  let started = false;
  /** The present link has been proven alive at least once. */
  let linked = false;
  const memory = await recallRearms(config, resources, { clock, log });
  const lines = await holdLines(resources, { clock, log, acquired: () => sentinel.renew() });
  const plan = () => emergencyPlans(resources.all, memory.fileOf);
  const sentinel = createSentinelProcess({ clock, log, part: name, plan, lines: lines.held });
  const covered = new Set(plan().map((entry) => entry.name));
  const bare = resources.all.filter(({ isStoppable, key }) => isStoppable && !covered.has(key)).map(({ key }) => key);
  if (bare.length > 0)
    log.info({ resources: bare }, "no emergency stop: if this process dies they stop at its next start");

  const remote: RemoteReader | undefined =
    config.leases.store === "gateway"
      ? createRemoteReader(
          {
            clock,
            send({ questionId, ids }) {
              const sent = link?.send({
                case: "leaseQuestion",
                value: { id: BigInt(questionId), sessions: [...ids] },
              });
              if (!sent) throw new VigilError("store_unavailable", "the gateway that serves the leases is not linked");
            },
          },
          { timeoutMs: LEASE_TIMEOUT_MS },
        )
      : undefined;
  const store =
    config.leases.store === "redis"
      ? await createRedisStore(
          { clock, random, log },
          { url: config.leases.url, prefix: config.leases.prefix, role: "reader" },
        )
      : undefined;
  const reader: LeaseReader = remote?.reader ?? store!;

  const report = (event: GuardEvent) => {
    stopEverything.noticed(event);
    link?.send(guardReport(event, clock.now()));
    if (event.kind === "fenced") {
      log.info(
        { session: event.session?.slice(0, 8), cause: event.cause, cancelled: event.operationsCancelled },
        "fenced",
      );
    } else if (event.kind === "stop" && event.cause !== "startup" && event.acknowledgedAt !== undefined) {
      log.info(
        { resource: event.resource, cause: event.cause, outcome: event.outcome, attempts: event.attempts },
        "stopped",
      );
    }
  };
  const runner: PartGuardRunner = createGuardRunner(
    {
      clock,
      log,
      resources,
      robot,
      memory,
      lines,
      bootTimeMs: () => uptime() * 1000,
      escalated: (_resource, step, ok) =>
        metrics.escalationSteps.inc({ part: name, step, outcome: ok ? "ok" : "failed" }),
      askLeases: () => poller.askNow(),
      report,
      ticked(tick) {
        sentinel.beat();
        control.alive();
        link?.send({
          case: "tick",
          value: {
            number: BigInt(tick),
            started,
            linked,
            storeAway: store !== undefined && store.incarnation === undefined,
          },
        });
      },
    },
    { bootId, windowMs: config.networkWindowMs ?? DEFAULT_WINDOW_MS },
  );
  const poller = createLeasePoller({
    clock,
    log,
    reader,
    runner: () => runner,
    asked(outcome, durationMs) {
      metrics.leaseChecks.inc({ part: name, outcome });
      metrics.leaseCheckSeconds.observe({ part: name, outcome }, durationMs / 1000);
    },
  });
  reader.onEnd((session) => runner.run((guard, now) => guard.sessionEnded(session, now)));
  const stopEverything = createStopEverything({ clock, resources, runner: () => runner });

  async function obey(id: bigint, command: Extract<ControlMessage, { case: "command" }>["value"]["command"]) {
    if (command.case === "stopAll") {
      const results = await stopEverything.run("stop_all", STOP_ALL_TIMEOUT_MS);
      link?.send({ case: "commandResult", value: { id, resources: [...results] } });
    } else if (command.case === "rearm") {
      const { resource } = command.value;
      // By its name: several APIs of the part may share it.
      const named = resources.all.filter(({ key, config }) => key === resource || config.name === resource);
      const rearmed = named.filter(({ key }) => runner.rearm(key)).length > 0;
      link?.send({
        case: "commandResult",
        value: { id, error: rearmed ? "" : `${resource} does not wait to be re-armed` },
      });
    } else {
      link?.send({ case: "commandResult", value: { id, error: "this part does not know the command" } });
    }
  }

  function received(message: ControlMessage): void {
    switch (message.case) {
      case "leaseReply":
        return remote?.receive(toAnswer(message.value));
      case "sessionEnd":
        remote?.receiveEnd(message.value.session);
        return runner.run((guard, now) => guard.sessionEnded(message.value.session, now));
      case "suspend":
        return runner.run((guard, now) => guard.suspend(message.value.session, now));
      case "connectionClosed":
        return runner.run((guard, now) => guard.connectionClosed(message.value.connection, now));
      case "command":
        obey(message.value.id, message.value.command).catch((error) =>
          log.error({ error: VigilError.from(error).message }, "a command of the gateway failed"),
        );
    }
  }

  // Whatever moved before this process started is nobody's: it stops before anything is served (rules.md, R7).
  const firstStop = stopEverything.run("startup", STOP_ALL_TIMEOUT_MS).then((results) => {
    const failed = results.filter(({ error }) => error !== "");
    if (failed.length > 0) log.error({ failed }, "actuators did not acknowledge the stop at start");
    started = failed.length === 0;
    return failed;
  });
  link = createGatewayLink(
    {
      clock,
      random,
      log,
      identity: () => ({ name, secret, bootId, generation: runner.guard.generation() }),
      serve: createPartServices({
        clock,
        components,
        resources,
        guard: runner,
        robot,
        currentTick: () => link?.currentTick ?? 0,
      }),
      welcomed({ windowMs, maxCommandAgeMs }) {
        // A gateway that says nothing leaves the default.
        if (maxCommandAgeMs > 0) runner.guard.limitCommandAge(maxCommandAgeMs);
        if (config.networkWindowMs !== undefined && config.networkWindowMs !== windowMs) {
          log.warn(
            { ours: config.networkWindowMs, gateway: windowMs },
            "heartbeat windows differ; the gateway's counts",
          );
        }
        const unbuilt = config.resources.filter(({ problem }) => problem !== undefined);
        link?.send(describeInventory(components, resources, set.failures, unbuilt));
        // What was fenced while there was no link could not be reported; the generation covers all of it.
        link?.send({
          case: "fenceReport",
          value: { session: "", generation: runner.guard.generation(), cause: "link" },
        });
      },
      received,
      alive(sentAt) {
        linked = true;
        runner.run((guard, now) => guard.linkAlive(sentAt, now));
      },
      lost() {
        linked = false;
        remote?.disconnected();
        runner.run((guard, now) => guard.linkLost(now));
      },
    },
    { gateway, tlsVerify, carrier, software: VERSION },
  );
  const reporter = createStateReporter({
    clock,
    resources,
    runner,
    started: () => started,
    send: (frame) => link?.send(frame) ?? false,
  });
  const exposition = createExposition(metrics.registry);
  const server = await createOpsServer(config.metricsBind, {
    scrape: exposition,
    notReady: () => [
      ...(link?.isUp ? [] : ["the gateway is not linked"]),
      ...(sentinel.isArmed ? [] : ["the sentinel does not watch"]),
      ...lines.missing(),
      ...(started ? [] : ["the stop at start is not acknowledged"]),
      ...(runner.guard.settledDown() ? [] : ["a stop is under way"]),
    ],
  });
  await firstStop;
  runner.activateLines();
  // A driver that answers late still counts: the part is started once nothing is being stopped any more.
  const lateStart = started
    ? undefined
    : clockUntil(
        () => runner.guard.settledDown(),
        () => {
          started = true;
        },
      );
  log.info({ part: name, resources: resources.all.length, metrics: server.port }, "part-agent serves");

  return {
    async stop() {
      lateStart?.cancel();
      // Told while there is a link to tell it over: what sessions move on other parts together with this one stops (R4).
      runner.run((guard, now) => guard.linkLost(now));
      const stopped = await stopEverything.run("shutdown", SHUTDOWN_STOP_MS);
      const moving = stopped.filter(({ error }) => error !== "").map(({ name: key }) => resources.byKey(key)!);
      // What can be done here is done here; for the rest this process's end is as good as its death.
      if (await runner.emergencyStop(moving)) {
        await memory.endWell();
        sentinel.goodbye();
      } else sentinel.abandon();
      reporter.close();
      poller.close();
      link?.close();
      runner.close();
      lagWatch.cancel();
      await server.close();
      await store?.close();
      await set.close();
      lines.close();
    },
  };

  function clockUntil(condition: () => boolean, then: () => void): { cancel(): void } {
    let timer = clock.after(100, check);
    function check(): void {
      if (condition()) then();
      else timer = clock.after(100, check);
    }
    return { cancel: () => timer.cancel() };
  }
}

/** What waits to be re-armed since an earlier process of the part. */
function recallRearms(
  { part, stateDirectory }: PartConfig,
  resources: PartResources,
  deps: Parameters<typeof createRearmMemory>[0],
): Promise<RearmMemory> {
  const directory = stateDirectory && join(stateDirectory, "rearm", encodeURIComponent(part.name));
  return createRearmMemory(deps, {
    directory,
    resources: resources.all.map(({ key, settings: { safety } }) => {
      const hasLine = safety.escalate.eStop.length > 0 || linesOf(safety.escalate).length > 0;
      return { key, rearm: safety.rearm, hasLine };
    }),
  });
}

/** Takes hold of the output lines that stop something. */
async function holdLines(resources: PartResources, deps: Omit<Parameters<typeof createOutputLines>[0], "ioctl">) {
  const wanted = resources.all.flatMap(({ settings }) => linesOf(settings.safety.escalate));
  const ioctl = wanted.length > 0 ? await loadIoctl() : () => "ENOSYS";
  return createOutputLines({ ...deps, ioctl }, wanted);
}

function toAnswer(reply: Extract<ControlMessage, { case: "leaseReply" }>["value"]): RemoteAnswer {
  const questionId = Number(reply.id);
  try {
    return { questionId, reading: readLeaseReply(reply) };
  } catch (error) {
    const { reason, message } = VigilError.from(error);
    return { questionId, error: { reason, message } };
  }
}
