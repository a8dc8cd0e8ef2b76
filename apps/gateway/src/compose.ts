import { createMemoryStore, createRedisStore, type LeaseStore } from "@vigil/leases";
import { type CallHandler, createReflection, createStatus } from "@vigil/protocol";
import { AuthService } from "@vigil/protocol/gen/proto/rpc/v1/auth_pb.js";
import { SignalingService } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import { StreamService } from "@vigil/protocol/gen/proto/stream/v1/stream_pb.js";
import { RobotService } from "@vigil/protocol/gen/viam/robot/v1/robot_pb.js";
import {
  type AppControl,
  type Clock,
  Code,
  createSystemClock,
  type GatewayConfig,
  isLoopback,
  type Logger,
  type Random,
  type RunningApp,
  systemRandom,
  VigilError,
} from "@vigil/shared";
import {
  beginAtZero,
  createGatewayMetrics,
  createLoopLagHistogram,
  createOpsServer,
  watchLoopLag,
} from "@vigil/telemetry";
import { createAnswerer, knock, type PeerOptions } from "@vigil/transport";
import { createAdmission } from "./admission/admission.js";
import type { Client } from "./admission/client.js";
import { createIdentity } from "./admission/identity.js";
import { createOperations } from "./admission/operations.js";
import { refusalLabel } from "./admission/refusal-label.js";
import { createPartCalls } from "./links/part-calls.js";
import { createPartLinks } from "./links/part-links.js";
import { registerHttpApi } from "./ops/http-api.js";
import { registerHttpRoutes } from "./ops/http-routes.js";
import { createLiveEvents, type LiveEvents } from "./ops/live-events.js";
import { createRecorder } from "./ops/recorder.js";
import { createRobotViews } from "./ops/robot-views.js";
import { createScrape } from "./ops/scrape.js";
import { stopAllParts } from "./ops/stop-all.js";
import { createAcceptedHosts } from "./peers/accepted-hosts.js";
import { createClients } from "./peers/clients.js";
import { CLOSING, createAuthService, createSignaling } from "./peers/signaling-service.js";
import { serveWebrtcClient } from "./peers/webrtc-clients.js";
import { createPort } from "./port/index.js";
import { createPartReactions } from "./reactions/part-reactions.js";
import { createSessionReactions } from "./reactions/session-reactions.js";
import { createRestMethods } from "./rest/rest-methods.js";
import { registerRest } from "./rest/rest-routes.js";
import { ROBOT_RULES } from "./rest/robot-rules.js";
import { createDescriptors } from "./robot-service/descriptors.js";
import { createRobotService } from "./robot-service/robot-service.js";
import { createStreamService } from "./robot-service/stream-service.js";
import { createResourceDirectory } from "./routing/resource-directory.js";
import { createArrivalClock } from "./sessions/arrival-clock.js";
import { createSessionKeeper } from "./sessions/session-keeper.js";

export const VERSION = "0.1.0";
/** The API version of Viam's protocol that the wire facts were taken from. */
const API_VERSION = "v0.1.601";

/** The gateway's parts, put together by hand, once. */
export async function createGateway(
  config: GatewayConfig,
  log: Logger,
  control: AppControl,
): Promise<RunningApp & { readonly port: number; readonly address: string }> {
  const clock = createSystemClock();
  const random = systemRandom;
  const windowMs = config.heartbeatWindowMs;
  const metrics = createGatewayMetrics();
  const loopLag = createLoopLagHistogram(metrics.registry);
  const lagWatch = watchLoopLag(clock, (lagMs) => {
    loopLag.observe(lagMs / 1000);
    control.alive();
  });
  const arrivals = createArrivalClock(clock);
  const identity = await createIdentity({ clock, random }, { auth: config.auth, robot: config.fqdn ?? config.robot });
  const store = await openStore({ clock, random, log }, config);
  const operations = createOperations(random);
  const directory = createResourceDirectory();
  const descriptors = createDescriptors();
  let live: LiveEvents | undefined;
  const changed = () => live?.changed();

  beginAtZero(
    metrics,
    config.parts.map(({ name }) => name),
  );

  const recorder = createRecorder(
    {
      clock,
      metrics,
      session(id) {
        const session = keeper.get(id);
        return session && { session, about: aboutOf(session.connections) };
      },
      changed: (view) => live?.ended(view),
    },
    { windowMs },
  );
  function aboutOf(connections: Iterable<string>) {
    for (const id of connections) {
      const client = clients.get(id);
      if (client) return { remoteAddress: client.remoteAddress, software: client.software };
    }
    return { remoteAddress: "", software: undefined };
  }

  const keeper = createSessionKeeper(
    {
      clock,
      random,
      store,
      log,
      ...createSessionReactions({
        clock,
        log,
        metrics,
        operations,
        recorder,
        links: () => links,
        about: aboutOf,
        cut(connections) {
          for (const id of keeper.withoutSession(connections)) clients.get(id)?.cut();
        },
      }),
    },
    { windowMs, quietLimitMs: config.implicitQuietLimitMs === "off" ? Infinity : config.implicitQuietLimitMs },
  );

  const clients = createClients(
    {
      clock,
      random,
      log,
      keeper,
      arrivedAt: arrivals.arrivedAt,
      async knock(remoteAddress) {
        if (config.webrtc.knock === false) return "silent";
        const colon = remoteAddress.lastIndexOf(":");
        const address = remoteAddress.slice(0, colon).replace(/^\[|\]$/g, "");
        return knock({ clock, random }, { address, port: Number(remoteAddress.slice(colon + 1)) });
      },
      closed(client, cause) {
        metrics.disconnects.inc({ peer: "client", cause: DISCONNECT_CAUSES.has(cause) ? cause : "closed" });
        localServices.delete(client.id);
        operations.cancelWhere(
          (operation) => operation.connection === client.id,
          createStatus(Code.cancelled, "the client's connection is closed"),
        );
        for (const link of links.all()) link.push({ case: "connectionClosed", value: { connection: client.id } });
        changed();
      },
    },
    { windowMs },
  );

  let admitted = 0;
  const nextOrder = () => ++admitted;
  const partCalls = createPartCalls({
    clock,
    random,
    log,
    operations,
    directory,
    nextOrder,
    leased: (session) => keeper.leased(session),
    callPart: (part) => {
      const link = links.get(part);
      return link?.isUp ? link : undefined;
    },
  });
  const answerer = createAnswerer({ clock, random, log }, peerOptions(config));
  const links = createPartLinks(
    {
      clock,
      random,
      log,
      parts: config.parts,
      leases: config.leases.store === "memory" ? store : undefined,
      async answer(sdp) {
        const { answer, peer } = await answerer.answer({ type: "offer", sdp });
        return { sdp: answer.sdp, peer };
      },
      serve: (part) => partCalls(part),
    },
    { windowMs, software: VERSION },
  );
  const reactions = createPartReactions(
    {
      clock,
      log,
      metrics,
      links,
      directory,
      descriptors,
      recorder,
      isSession: (id) => keeper.get(id) !== undefined,
      changed,
    },
    config,
  );

  const partNames = config.parts.map(({ name }) => name);
  const stopAll = async () => {
    operations.cancelWhere(
      (operation) => operation.session !== undefined,
      createStatus(Code.cancelled, "everything was told to stop"),
    );
    return stopAllParts(partNames, (part) => links.get(part));
  };
  const views = createRobotViews({
    clock,
    robot: config.robot,
    version: VERSION,
    windowMs,
    authenticated: identity.required,
    storeKind: config.leases.store,
    configuredParts: partNames,
    storeReachable: () => store.incarnation !== undefined,
    link: (part) => links.get(part),
    since: reactions.since,
    states: reactions.states,
    directory,
    keeper,
    operations,
    recorder,
    client: (id) => clients.get(id),
  });
  live = createLiveEvents({ clock, snapshot: views.snapshot });

  // ---- Services that the gateway answers itself
  const robotService = createRobotService(
    {
      clock,
      log,
      keeper,
      operations,
      directory,
      client: (id) => clients.get(id),
      arrivedAt: arrivals.arrivedAt,
      isLinked: (part) => links.get(part)?.isUp ?? false,
      stopAll,
      isComplete: () => reactions.isComplete,
      shutDown: () => control.exit(0),
    },
    { windowMs, version: `v${VERSION}`, apiVersion: API_VERSION, tunnels: config.tunnels },
  );
  const reflection = createReflection({
    clock,
    files: () => [RobotService.file, ...descriptors.files()],
    isServed: (service) => service === RobotService.typeName || directory.api(service) !== undefined,
  });
  const hosts = createAcceptedHosts(config.robot, config.fqdn, partNames);
  const signaling = createSignaling(
    {
      clock,
      random,
      log,
      identity,
      answerer,
      hosts,
      answered: (peer, about) => {
        serveWebrtcClient(
          {
            clients,
            log,
            handlerFor: (client) => admission.handlerFor(client),
            badFrame: () => metrics.commandsRefused.inc({ part: "gateway", reason: "limit" }),
          },
          peer,
          about,
        );
      },
    },
    config.webrtc.iceServers,
  );
  const streams = createStreamService({ clock });
  const auth = createAuthService({ clock, identity });
  const localServices = new Map<string, ReadonlyMap<string, CallHandler>>();
  const local = (client: Client): ReadonlyMap<string, CallHandler> => {
    const present = localServices.get(client.id);
    if (present) return present;
    const services = new Map<string, CallHandler>([
      [RobotService.typeName, robotService(client)],
      [AuthService.typeName, auth],
      [SignalingService.typeName, signaling(client)],
      [StreamService.typeName, streams(client)],
      ...Object.entries(reflection),
    ]);
    localServices.set(client.id, services);
    return services;
  };

  const admission = createAdmission({
    clock,
    random,
    identity,
    keeper,
    operations,
    directory,
    nextOrder,
    link: (part) => links.get(part),
    local,
    isLocalMethod: (path) => LOCAL_METHODS.has(path),
    arrivedAt: arrivals.arrivedAt,
    finished({ service, method, code, durationMs, part }) {
      const labels = { service, method, code: String(code) };
      metrics.rpcSeconds.observe({ ...labels, hop: "client" }, durationMs / 1000);
      if (part !== undefined) metrics.rpcSeconds.observe({ ...labels, hop: "part" }, durationMs / 1000);
    },
    refused: (part, reason) =>
      metrics.commandsRefused.inc({ part: part ?? "gateway", reason: refusalLabel(reason) ?? "limit" }),
  });

  // ---- The port
  const port = createPort(
    {
      clock,
      random,
      log,
      handler: (connection) => (start, response, caller) =>
        admission.direct((entity) => clients.ofConnection(connection, caller, entity))(start, response),
    },
    {
      host: config.bind.host,
      port: config.bind.port,
      ...(config.tls && { tls: { cert: config.tls.cert, key: config.tls.key } }),
      proxied: config.proxied,
      origins: {
        authenticated: identity.required,
        allowedOrigins: [],
        allowedHosts: [config.robot, ...(config.fqdn ? [config.fqdn] : [])],
      },
    },
  );
  const scrape = createScrape({ metrics, parts: partNames, keeper, clients, links, views });
  await registerHttpRoutes(port.fastify, {
    identity,
    live,
    metrics: scrape,
    metricsHere: config.metricsBind === undefined,
    notReady: views.notReady,
    acceptControl: (socket, remoteAddress) => links.acceptControl(socket, remoteAddress),
    acceptData: (socket, token) => links.acceptData(socket, token),
  });
  await registerRest(port.fastify, {
    methods: createRestMethods({
      log,
      own: [{ service: RobotService, rules: ROBOT_RULES }],
      files: descriptors.files,
      apis: directory.apis,
    }),
    proxied: config.proxied,
    connectionOf: port.connectionOf,
    call: (caller, start, response) => admission.direct((entity) => clients.ofHttp(caller, entity))(start, response),
  });
  await registerHttpApi(port.fastify, {
    views,
    version: VERSION,
    stopAll,
    endSession(id, reason) {
      const matches = [...keeper.all()].filter((session) => session.id.startsWith(id));
      if (matches.length !== 1) return false;
      return keeper.end(matches[0]!.id, reason, reason === "revoked" ? "operator" : "client");
    },
    async rearm(part, resource) {
      const link = links.get(part);
      if (!link) throw new VigilError("part_offline", `part ${part} is not linked`);
      // As clients see it listed, which may have a prefix, or as the part knows it.
      const listed = directory.list().find((entry) => entry.part === part && entry.listedName === resource);
      const { error } = await link.command({ case: "rearm", value: { resource: listed?.name ?? resource } });
      return error === "";
    },
  });
  const metricsServer = config.metricsBind && (await createOpsServer(config.metricsBind, { scrape }));
  const { address, port: boundPort } = await port.listen();
  log.info({ address, port: boundPort, robot: config.robot, leases: config.leases.store }, "gateway serves");
  if (!identity.required && !isLoopback(config.bind.host)) {
    log.warn({}, "everyone who reaches this port may drive the robot: allow_unauthenticated is set");
  }

  return {
    address,
    port: boundPort,
    async stop() {
      // TypeScript never settles a call whose peer just goes: it hears of the end first.
      operations.cancelWhere(() => true, CLOSING);
      for (const { id } of [...keeper.all()]) keeper.end(id, "drained", "shutdown");
      keeper.close();
      await port.close();
      await clients.close();
      links.close();
      await answerer.close();
      live?.close();
      lagWatch.cancel();
      arrivals.close();
      await metricsServer?.close();
      await store.close();
    },
  };
}

const LOCAL_METHODS: ReadonlySet<string> = new Set(
  [RobotService, AuthService, SignalingService, StreamService].flatMap((service) =>
    service.methods.map((method) => `/${service.typeName}/${method.name}`),
  ),
);

const DISCONNECT_CAUSES: ReadonlySet<string> = new Set(["silent", "closed", "process_dead", "refused", "shutdown"]);

async function openStore(
  deps: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
  config: GatewayConfig,
): Promise<LeaseStore> {
  if (config.leases.store === "memory") return createMemoryStore(deps);
  return createRedisStore(deps, { url: config.leases.url, prefix: config.leases.prefix, role: "writer" });
}

function peerOptions({ webrtc }: GatewayConfig): PeerOptions {
  return {
    ...(webrtc.udpPorts && { udpPorts: webrtc.udpPorts }),
    ...(webrtc.hostAddresses.length > 0 && { hostAddresses: webrtc.hostAddresses }),
    iceServers: webrtc.iceServers.map(({ urls, ...rest }) => ({ ...rest, urls: [...urls] })),
  };
}
