import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CallHandler, serveTyped } from "@vigil/protocol";
import {
  GetMachineStatusResponse_State,
  PeerConnectionType,
  ResourceStatus_Reachability,
  ResourceStatus_State,
  type ResourceStatusSchema,
  RobotService,
} from "@vigil/protocol/gen/viam/robot/v1/robot_pb.js";
import { type Clock, Code, type Logger, shortId, VigilError } from "@vigil/shared";
import type { Client } from "../admission/client.js";
import type { Operations } from "../admission/operations.js";
import type { ResourceDirectory } from "../routing/resource-directory.js";
import type { SessionKeeper } from "../sessions/session-keeper.js";

/** What the robot's clients ask of it as a whole, answered from what the gateway knows, never by waiting for a part. */
export interface RobotServiceDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly keeper: SessionKeeper;
  readonly operations: Operations;
  readonly directory: ResourceDirectory;
  client(id: string): Client | undefined;
  arrivedAt(): number;
  isLinked(part: string): boolean;
  stopAll(): Promise<{ readonly failed: readonly { readonly resource: string; readonly message: string }[] }>;
  /** Every configured part has announced itself once. */
  isComplete(): boolean;
  shutDown(): void;
}

export interface RobotServiceOptions {
  readonly windowMs: number;
  readonly version: string;
  /** API version of Viam's protocol that this gateway was written against. */
  readonly apiVersion: string;
  readonly tunnels: readonly { readonly port: number; readonly connectionTimeoutMs: number }[];
}

function durationOf(ms: number) {
  return create(DurationSchema, { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) });
}

export function createRobotService(
  deps: RobotServiceDeps,
  options: RobotServiceOptions,
): (client: Client) => CallHandler {
  const { keeper, operations, directory } = deps;
  const startedAt = timestampFromMs(deps.clock.wall());

  const resourceNames = () =>
    directory
      .list()
      .filter((resource) => resource.error === "")
      .map(({ namespace, type, subtype, listedName }) => ({ namespace, type, subtype, name: listedName }));

  const statuses = (): MessageInitShape<typeof ResourceStatusSchema>[] =>
    directory.list().map(({ namespace, type, subtype, listedName, part, error, ambiguous }) => ({
      name: { namespace, type, subtype, name: listedName },
      state: error === "" ? ResourceStatus_State.READY : ResourceStatus_State.UNHEALTHY,
      error,
      lastUpdated: startedAt,
      reachability: ambiguous
        ? ResourceStatus_Reachability.AMBIGUOUS_REMOTE
        : deps.isLinked(part)
          ? ResourceStatus_Reachability.REACHABLE
          : ResourceStatus_Reachability.REMOTE_DISCONNECTED,
      remote: part,
    }));

  return (client) =>
    serveTyped(
      RobotService,
      {
        resourceNames: () => ({ resources: resourceNames() }),
        resourceRPCSubtypes: () => ({
          resourceRpcSubtypes: [...directory.apis()].map(({ namespace, type, subtype, service }) => ({
            subtype: { namespace, type, subtype, name: "" },
            protoService: service,
          })),
        }),
        getOperations: (_request, context) => {
          const own = context.metadata.get("opid")?.[0];
          return {
            operations: [...operations.all()]
              .filter(({ id }) => id !== own)
              .map(({ id, method, startedAt: at, session }) => ({
                id,
                method,
                arguments: {},
                started: timestampFromMs(at),
                sessionId: session,
              })),
          };
        },
        cancelOperation({ id }) {
          operations.get(id)?.cancel({ code: Code.cancelled, message: "context canceled" });
          return {};
        },
        async blockForOperation({ id }, context) {
          await operations.whenFinished(id, context.signal);
          return {};
        },
        getSessions: () => ({
          sessions: [...keeper.all()].map((session) => {
            const [first] = session.connections;
            const peer = first === undefined ? undefined : deps.client(first);
            return {
              // The id is a secret (rules.md, R8b): its short form, filled up to the UUID that Go parses.
              id: `${shortId(session.id)}-0000-0000-0000-000000000000`,
              peerConnectionInfo: {
                type: peer?.carrier === "webrtc" ? PeerConnectionType.WEBRTC : PeerConnectionType.GRPC,
                remoteAddress: peer?.remoteAddress,
                localAddress: peer?.localAddress,
              },
            };
          }),
        }),
        async startSession({ resume }) {
          const session = await keeper.start(client.id, resume);
          return { id: session.id, heartbeatWindow: durationOf(options.windowMs) };
        },
        async sendSessionHeartbeat({ id }) {
          await keeper.heartbeat(client.id, id, deps.arrivedAt());
          return {};
        },
        async stopAll() {
          const { failed } = await deps.stopAll();
          if (failed.length > 0) {
            const which = failed.map(
              ({ resource, message }) => `failed to stop component named ${resource} with error ${message}`,
            );
            throw new VigilError("driver", which.join("; "));
          }
          return {};
        },
        getMachineStatus: () => ({
          resources: statuses(),
          config: { revision: "", lastUpdated: startedAt },
          state: deps.isComplete()
            ? GetMachineStatusResponse_State.RUNNING
            : GetMachineStatusResponse_State.INITIALIZING,
        }),
        getVersion: () => ({ platform: "rdk", version: options.version, apiVersion: options.apiVersion }),
        getCloudMetadata() {
          throw new VigilError("driver", "cloud metadata not available");
        },
        getModelsFromModules: () => ({ models: [] }),
        restartModule() {
          throw new VigilError("bad_request", "this robot has no modules that could be restarted");
        },
        log({ logs }) {
          if (logs.length !== 1) throw new VigilError("bad_request", "send exactly one log entry");
          const [{ level, message, loggerName }] = logs as [(typeof logs)[0]];
          deps.log.info({ from: loggerName, level }, message);
          return {};
        },
        shutdown() {
          deps.shutDown();
          return {};
        },
        listTunnels: () => ({
          tunnels: options.tunnels.map(({ port, connectionTimeoutMs }) => ({
            port,
            connectionTimeout: durationOf(connectionTimeoutMs),
          })),
        }),
      },
      deps,
    );
}
