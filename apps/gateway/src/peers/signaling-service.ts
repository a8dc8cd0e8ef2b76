import { type CallHandler, createStatus, serveTyped, type TypedContext } from "@vigil/protocol";
import { AuthService } from "@vigil/protocol/gen/proto/rpc/v1/auth_pb.js";
import { SignalingService } from "@vigil/protocol/gen/proto/rpc/webrtc/v1/signaling_pb.js";
import { type Clock, type GatewayConfig, type Logger, type Random, uuid, VigilError } from "@vigil/shared";
import type { Answerer, Peer, SessionDescription } from "@vigil/transport";
import type { Client } from "../admission/client.js";
import type { Identity } from "../admission/identity.js";
import type { AcceptedHosts } from "./accepted-hosts.js";

/** Brokers data channels: a client's offer comes as a call, the gateway answers it itself (viam-wire.md, "Dialling"). */
export interface SignalingDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly identity: Identity;
  readonly answerer: Answerer;
  readonly hosts: AcceptedHosts;
  /** A peer has been answered; it becomes a client when it opens. */
  answered(peer: Peer, about: { entity: string | undefined; home: string | undefined; remoteAddress: string }): void;
}

/** Offers under way of one connection: whoever dials more at once is no client. */
const MAX_OFFERS_UNDER_WAY = 16;

/** SDP on the wire is base64 of JSON {type, sdp}. */
function decodeDescription(text: string): SessionDescription {
  try {
    const { type, sdp } = JSON.parse(Buffer.from(text, "base64").toString("utf8"));
    if (type !== "offer" || typeof sdp !== "string") throw new TypeError("it is no offer");
    return { type, sdp };
  } catch (error) {
    throw new VigilError("bad_request", "the offer is not base64 of JSON with type and sdp", { cause: error });
  }
}

const encodeDescription = (description: SessionDescription) =>
  Buffer.from(JSON.stringify(description)).toString("base64");

export function createSignaling(
  deps: SignalingDeps,
  iceServers: GatewayConfig["webrtc"]["iceServers"],
): (client: Client) => CallHandler {
  /** By the id of the call, while its candidates may still come. */
  const dialling = new Map<string, Peer>();
  const underWay = new Map<string, number>();
  return (client) => {
    const dialled = (context: TypedContext) =>
      deps.hosts.accept(context.metadata.get("rpc-host")?.[0], client.localAddress);
    return serveTyped(
      SignalingService,
      {
        optionalWebRTCConfig(_request, context) {
          dialled(context);
          const additionalIceServers = iceServers.map(({ urls, username, credential }) => ({
            urls: [...urls],
            username: username ?? "",
            credential: credential ?? "",
          }));
          // Our candidates all stand in the answer, so that the client need not wait for more of them.
          return { config: { additionalIceServers, disableTrickle: false } };
        },
        async *call(request, context) {
          const { part } = dialled(context);
          const count = underWay.get(client.id) ?? 0;
          if (count >= MAX_OFFERS_UNDER_WAY) throw new VigilError("limit", "too many offers at once; wait for answers");
          underWay.set(client.id, count + 1);
          const uuidOfCall = uuid(deps.random);
          try {
            const { answer, peer } = await deps.answerer.answer(decodeDescription(request.sdp));
            dialling.set(uuidOfCall, peer);
            peer.on("closed", () => dialling.delete(uuidOfCall));
            peer.on("open", () => dialling.delete(uuidOfCall));
            deps.answered(peer, { entity: client.entity, home: part, remoteAddress: client.remoteAddress });
            yield { uuid: uuidOfCall, stage: { case: "init" as const, value: { sdp: encodeDescription(answer) } } };
          } finally {
            const left = (underWay.get(client.id) ?? 1) - 1;
            if (left > 0) underWay.set(client.id, left);
            else underWay.delete(client.id);
          }
        },
        callUpdate(request) {
          const peer = dialling.get(request.uuid);
          if (request.update.case === "candidate") {
            const { candidate, sdpMid, sdpmLineIndex, usernameFragment } = request.update.value;
            peer?.addCandidate({ candidate, sdpMid, sdpMLineIndex: sdpmLineIndex, usernameFragment });
          } else if (request.update.case === "error") void peer?.close();
          return {};
        },
        reportConnectionMetadata: () => ({}),
      },
      deps,
    );
  };
}

/** AuthService: answered also without authentication, or an SDK that is given credentials would not connect. */
export function createAuthService(deps: { readonly clock: Clock; readonly identity: Identity }): CallHandler {
  return serveTyped(
    AuthService,
    {
      async authenticate({ entity, credentials }, context) {
        if (deps.identity.required && context.metadata.get("authorization")?.[0]?.startsWith("Bearer ")) {
          throw new VigilError("bad_request", "already authenticated; cannot re-authenticate");
        }
        return { accessToken: await deps.identity.authenticate(entity, credentials?.type, credentials?.payload ?? "") };
      },
    },
    deps,
  );
}

/** What calls in flight hear when their peer is about to be closed: TypeScript never settles them otherwise. */
export const CLOSING = createStatus(14, "the robot closes this connection; dial again");
