import { createSystemClock, systemRandom } from "@vigil/shared";
import type { RTCPeerConnection } from "werift";
import { type Answerer, createAnswerer } from "../answerer.js";
import { createDialer, type Dialer, negotiate } from "../dialer.js";
import type { CloseCause, Evidence, Peer, PeerOptions, TransportDeps } from "../peer.js";
import { createWeriftPeer } from "../werift-peer.js";
import { createForwarder, type Forwarder, withoutCandidates } from "./forwarder.js";
import { type DialOptions, dialNodeClient, type NodeClient } from "./node-client.js";

export const deps: TransportDeps = { clock: createSystemClock(), random: systemRandom };
export const LOOPBACK: PeerOptions = { hostAddresses: ["127.0.0.1"] };

/** Resolves after `ms`; for letting time pass that a test is about, never for waiting on an event. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Resolves as soon as `condition` holds; rejects with `what` after `timeoutMs`. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  for (const startedAt = performance.now(); !condition(); ) {
    if (performance.now() - startedAt > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(2);
  }
}

/** What a peer told its owner. */
export interface Record {
  readonly evidence: Evidence[];
  readonly closed: CloseCause[];
}

export function recordOf(peer: Peer): Record {
  const record: Record = { evidence: [], closed: [] };
  peer.on("evidence", (evidence) => record.evidence.push(evidence));
  peer.on("closed", ({ cause }) => record.closed.push(cause));
  return record;
}

interface Served {
  answerer: Answerer;
  server: Peer;
  record: Record;
  forwarder: Forwarder | undefined;
  close(): Promise<void>;
}

export interface RigOptions {
  answerer?: PeerOptions;
  dialer?: PeerOptions;
  /** Puts a forwarder between both. */
  forwarded?: boolean | ((forwarder: Forwarder) => void);
  dial?: DialOptions;
}

type Exchange = Parameters<Dialer["dial"]>[0];

async function serve(options: RigOptions, connect: (exchange: Exchange) => Promise<void>): Promise<Served> {
  const answerer = createAnswerer(deps, { ...LOOPBACK, ...options.answerer });
  let served: { server: Peer; record: Record; forwarder: Forwarder | undefined } | undefined;
  const close = async () => {
    await answerer.close();
    served?.forwarder?.close();
  };
  try {
    await connect(async (offer) => {
      served?.forwarder?.close();
      const forwarder = options.forwarded ? await createForwarder() : undefined;
      if (forwarder && typeof options.forwarded === "function") options.forwarded(forwarder);
      const { answer, peer } = await answerer.answer(forwarder ? withoutCandidates(offer) : offer);
      served = { server: peer, record: recordOf(peer), forwarder };
      return forwarder ? forwarder.rewrite(answer) : answer;
    });
  } catch (error) {
    await close();
    throw error;
  }
  const { server, record, forwarder } = served!;
  return { answerer, server, record, forwarder, close };
}

export interface NodeRig extends Served {
  client: NodeClient;
}

/** A libdatachannel client connected to an answerer. */
export async function nodeRig(options: RigOptions = {}): Promise<NodeRig> {
  let client: NodeClient | undefined;
  const served = await serve(options, async (exchange) => {
    client = await dialNodeClient(exchange, options.dial);
  });
  await until(() => served.server.state === "open", "the server's end opens");
  return {
    ...served,
    client: client!,
    async close() {
      client!.close();
      await served.close();
    },
  };
}

export interface LinkRig extends Served {
  client: Peer;
  clientRecord: Record;
  dialer: Dialer;
}

export interface OpenLinkRig extends Served {
  client: Peer;
  clientRecord: Record;
  /** werift's own objects under the client's end, for a client that misbehaves. */
  connection: RTCPeerConnection;
}

/** A link whose client's end is laid open; `prepare` sees it before anything is sent. */
export async function openLinkRig(
  options: RigOptions = {},
  prepare: (connection: RTCPeerConnection) => void = () => {},
): Promise<OpenLinkRig> {
  const { peer, connection } = createWeriftPeer(deps, { ...LOOPBACK, ...options.dialer }, () => {});
  prepare(connection);
  const clientRecord = recordOf(peer);
  const served = await serve(options, async (exchange) => {
    await negotiate(connection, exchange);
    await until(() => peer.state !== "connecting", "the client's end opens or fails", 15_000);
  });
  return {
    ...served,
    client: peer,
    clientRecord,
    connection,
    async close() {
      await peer.close();
      await served.close();
    },
  };
}

/** Two ends of ours: a link. */
export async function linkRig(options: RigOptions = {}): Promise<LinkRig> {
  const dialer = createDialer(deps, { ...LOOPBACK, ...options.dialer });
  let client: Peer | undefined;
  const served = await serve(options, async (exchange) => {
    client = await dialer.dial(exchange);
  });
  await until(() => served.server.state === "open", "the server's end opens");
  return {
    ...served,
    client: client!,
    clientRecord: recordOf(client!),
    dialer,
    async close() {
      await dialer.close();
      await served.close();
    },
  };
}
