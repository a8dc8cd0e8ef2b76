import { createHash } from "node:crypto";
import type { RTCPeerConnection } from "werift";
import { guardDtls } from "./dtls-guard.js";
import { gatherOnHostAddresses } from "./gathering.js";
import { createIngressFilter } from "./ingress.js";
import { repeatGoodbye, sayGoodbye, silence } from "./linger.js";
import type { CandidateInit, PeerOptions, TransportDeps } from "./peer.js";
import {
  type Association,
  AssociationState,
  associationOf,
  type DtlsObject,
  dtlsTransportOf,
  type IceConnection,
} from "./werift-internals.js";
import { bundleChunks } from "./workarounds/bundled-chunks.js";
import { sendRecordsDirectly } from "./workarounds/direct-records.js";
import { skipUsedRecordNumbers } from "./workarounds/first-record-lost.js";
import { type FlightRetransmission, retransmitFlights } from "./workarounds/flight-retransmission.js";
import { holdEarlyDatagrams } from "./workarounds/held-datagrams.js";
import { surviveIceRestart } from "./workarounds/ice-restart.js";
import { connectAtOnce } from "./workarounds/immediate-client-hello.js";
import { askForImmediateSack } from "./workarounds/immediate-sack.js";
import { deliverInOrder } from "./workarounds/in-order-chunks.js";
import { readPacketsInPlace } from "./workarounds/in-place-packets.js";
import { closeForGood } from "./workarounds/leaks.js";
import { type AdmittedPacket, checkSctp } from "./workarounds/malformed-sctp.js";
import { assumeNomination } from "./workarounds/missing-nomination.js";
import { usesOf } from "./workarounds/names.js";
import { exchangeKeysNatively } from "./workarounds/native-key-exchange.js";
import { dropPublicStun } from "./workarounds/no-public-stun.js";
import { skipSrtp } from "./workarounds/no-srtp.js";
import { nominatePromptly } from "./workarounds/prompt-nomination.js";
import { lowerRetransmissionTimeout } from "./workarounds/retransmission-timeout.js";
import { boundTransactionMemory } from "./workarounds/unbounded-transactions.js";

export interface ConnectionEvents {
  onCloseNotify(): void;
  onFailed(error: unknown): void;
  /** werift itself gave the connection up. */
  onClosedBelow(): void;
  /** The other side closed one of the two channels. */
  onChannelReset(): void;
}

/** A werift connection with every workaround in place, and the few parts of it that a peer works with. */
export interface MendedConnection {
  readonly association: Association;
  readonly iceConnection: IceConnection;
  fingerprints(): { local: string; remote: string } | undefined;
  addCandidate(candidate: CandidateInit): void;
  /** To be called when both descriptions of a later negotiation are set. */
  onNegotiated(): void;
  /** Tells the other side that it is over, if it can hear; nothing is delivered or repeated from here on. */
  sayGoodbye(isDue: boolean): Promise<void>;
  /** Says it again to whoever did not hear, until `release`. */
  linger(): void;
  /** Closes sockets and timers. */
  release(): Promise<void>;
}

export function mendConnection(
  deps: TransportDeps,
  options: PeerOptions,
  connection: RTCPeerConnection,
  events: ConnectionEvents,
): MendedConnection {
  const uses = usesOf(options);
  const association = associationOf(connection);
  const transport = dtlsTransportOf(connection);
  const iceConnection = transport.iceTransport.connection;

  if (uses("native-key-exchange")) exchangeKeysNatively();
  if (uses("no-public-stun") && !options.iceServers?.length) dropPublicStun(iceConnection);
  if (uses("unbounded-transactions")) boundTransactionMemory(iceConnection);
  if (uses("prompt-nomination")) nominatePromptly(deps.clock, iceConnection);
  if (uses("missing-nomination")) assumeNomination(deps.clock, iceConnection);
  const restart = uses("ice-restart") ? surviveIceRestart(transport, events.onFailed) : undefined;
  const isFormerPath = (ip: string, port: number) => restart?.isFormerPath(ip, port) ?? false;
  let dtls: DtlsObject | undefined;
  const takeRecords = (datagram: Buffer) => {
    dtls?.transport.socket.onData(datagram);
    return dtls !== undefined;
  };
  const admit = createIngressFilter(iceConnection, uses, isFormerPath);
  gatherOnHostAddresses(deps, options, iceConnection, admit, takeRecords);
  if (uses("no-srtp")) skipSrtp(transport);

  const held = uses("held-datagrams") ? holdEarlyDatagrams(iceConnection) : undefined;
  const flights: FlightRetransmission[] = [];
  let guard: { onConnected(): void } | undefined;
  const mendDtls = (dtls: DtlsObject) => {
    if (uses("first-record-lost")) skipUsedRecordNumbers(dtls);
    if (uses("flight-retransmission")) flights.push(retransmitFlights(deps.clock, dtls));
    const onFlightMissed = () => flights[0]?.repeat();
    guard = guardDtls(dtls, transport, { ...events, onFlightMissed }, uses);
    if (uses("immediate-client-hello")) connectAtOnce(dtls, events.onFailed);
    held?.release(dtls);
  };
  if (uses("in-order-chunks")) deliverInOrder(association);
  if (uses("direct-records")) sendRecordsDirectly(association, transport);
  if (uses("bundled-chunks")) bundleChunks(deps.clock, association);
  const onRefused = (error: unknown) => deps.log?.debug({ error }, "SCTP packet refused");
  const readPacket = uses("in-place-packets")
    ? readPacketsInPlace(association, onRefused)
    : ({ datagram }: AdmittedPacket) => void association.handleData(datagram).catch(onRefused);
  const receiveData = (datagram: Buffer) => {
    if (!uses("malformed-sctp")) return void association.handleData(datagram);
    const packet = checkSctp(association, datagram);
    if (packet) readPacket(packet);
  };
  const start = transport.start.bind(transport);
  transport.start = () => {
    const started = start();
    if (transport.dtls && transport.dtls !== dtls) {
      dtls = transport.dtls;
      mendDtls(dtls);
    }
    return started;
  };
  transport.dataReceiver = receiveData;
  transport.onStateChange.subscribe((state) => {
    if (state === "connected") guard?.onConnected();
    if (state === "failed" || state === "closed") events.onClosedBelow();
  });
  if (uses("retransmission-timeout")) lowerRetransmissionTimeout(association);
  if (uses("immediate-sack")) askForImmediateSack(association);
  association.onReconfigStreams.subscribe(() => events.onChannelReset());
  association.stateChanged.closed.subscribe(() => events.onClosedBelow());
  connection.connectionStateChange.subscribe((state) => {
    if (state === "failed") events.onClosedBelow();
  });

  const isUp = () => transport.state === "connected" && association.associationState === AssociationState.established;

  return {
    association,
    iceConnection,
    fingerprints() {
      const remote = dtls?.remoteCertificate;
      const local = transport.localCertificate?.getFingerprints()[0]?.value;
      return remote && local ? { local: local.toUpperCase(), remote: fingerprintOf(remote) } : undefined;
    },
    addCandidate(candidate) {
      connection.addIceCandidate(candidate).catch((error: unknown) => {
        deps.log?.debug({ error: String(error) }, "candidate refused");
      });
    },
    onNegotiated: () => restart?.onNegotiated(),
    async sayGoodbye(isDue) {
      const isHeard = isDue && isUp();
      silence(association, transport);
      if (isHeard && dtls) await sayGoodbye(association, dtls);
    },
    linger() {
      if (dtls) repeatGoodbye({ clock: deps.clock, association, dtls, transport }, events.onFailed);
    },
    async release() {
      for (const flight of flights) flight.stop();
      if (uses("leaks")) await closeForGood(connection, transport);
    },
  };
}

function fingerprintOf(certificate: Buffer): string {
  return createHash("sha256").update(certificate).digest("hex").toUpperCase().match(/../g)!.join(":");
}
