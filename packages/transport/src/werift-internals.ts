import type { Candidate, RTCPeerConnection } from "werift";

/**
 * The private parts of werift 0.25.2 that the workarounds touch. werift exports neither its SCTP classes nor its
 * chunks, and refuses deep imports, so live instances are changed. This file is the only place that casts: what it
 * names is what an upgrade of werift has to be checked against.
 */

/** RFC 9260, section 3.2: chunk types. */
export const ChunkType = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
  reconfig: 130,
  forwardTsn: 192,
} as const;

/** werift's own numbering of association states. */
export const AssociationState = {
  closed: 1,
  cookieWait: 2,
  cookieEchoed: 3,
  established: 4,
} as const;

/** werift's own numbering of the states of a candidate pair; the others are not asked for. */
export const PairState = { succeeded: 3 } as const;

/** What `sendChunk` needs: `bytes` is the whole chunk, padded. */
export interface OutgoingChunk {
  readonly type: number;
  flags?: number;
  readonly bytes: Buffer;
}

export interface IncomingChunk {
  readonly type: number;
  flags?: number;
  tsn?: number;
  params?: [number, Buffer][];
}

export interface DataChunk extends IncomingChunk {
  readonly flags: number;
  readonly tsn: number;
  readonly streamId: number;
  readonly streamSeqNum: number;
  readonly protocol: number;
  readonly userData: Buffer;
}

export interface SackChunk extends IncomingChunk {
  readonly cumulativeTsn: number;
  readonly advertisedRwnd: number;
  readonly gaps: readonly (readonly [number, number])[];
  readonly duplicates: readonly number[];
}

/** What has arrived of one stream and could not be delivered yet. */
export interface InboundStream {
  readonly reassembly: readonly unknown[];
  streamSequenceNumber: number;
}

interface WeriftEvent<Args extends unknown[]> {
  subscribe(listener: (...args: Args) => void): { unSubscribe(): void };
  execute(...args: Args): void;
  allUnsubscribe(): void;
  asPromise: (timeLimit?: number) => Promise<Args>;
}

export interface Association {
  associationState: number;
  readonly state: string;
  readonly isStopped: boolean;
  isServer: boolean;
  rto: number;
  srtt: number | undefined;
  rttvar: number | undefined;
  timer1Failures: number;
  timer1Expired: () => void;
  timer3Expired: () => void;
  timer1Cancel(): void;
  updateRto(roundTripS: number): void;
  lastReceivedTsn: number | undefined;
  sackMisOrdered: Set<number>;
  sackDuplicates: number[];
  sackNeeded: boolean;
  sackImmediate: boolean;
  sackHasNewDataInPacket: boolean;
  advertisedRwnd: number;
  localTsn: number;
  lastSackedTsn: number;
  readonly localPort: number;
  remotePort: number | undefined;
  remoteVerificationTag: number;
  localVerificationTag: number;
  outboundQueue: unknown[];
  sentQueue: unknown[];
  readonly flush: WeriftEvent<[]>;
  readonly onReceive: WeriftEvent<[number, number, Buffer]>;
  readonly onReconfigStreams: WeriftEvent<[number[]]>;
  readonly stateChanged: Record<"connected" | "closed", WeriftEvent<[]>>;
  handleData(datagram: Buffer): Promise<void>;
  receiveChunk(chunk: IncomingChunk): Promise<void>;
  receiveSackChunk(chunk: IncomingChunk): Promise<void>;
  receiveDataChunk(chunk: DataChunk): void;
  markReceived(tsn: number): boolean;
  getInboundStream(streamId: number): InboundStream;
  receive(streamId: number, protocolId: number, data: Buffer): void;
  scheduleSack(): Promise<void>;
  sendSack(): Promise<void>;
  sendChunk(chunk: OutgoingChunk): Promise<void>;
  send(streamId: number, protocolId: number, data: Buffer, options: { ordered: boolean }): Promise<void>;
  transmit(): Promise<void>;
  setState(state: number): void;
}

export interface RecordHeader {
  contentType: number;
  protocolVersion: { major: number; minor: number };
  epoch: number;
  sequenceNumber: number;
  contentLen: number;
}

interface HandshakeMessage {
  msg_type: number;
  message_seq: number;
  fragment: Buffer;
  serialize(): Buffer;
}

export interface DtlsObject {
  connected: boolean;
  readonly sessionType: number;
  readonly cipher: {
    cipher?: {
      readonly blockAlgorithm: string;
      readonly clientWriteKey?: Buffer;
      readonly serverWriteKey?: Buffer;
      readonly clientNonce?: Buffer;
      readonly serverNonce?: Buffer;
    };
    masterSecret?: Buffer;
    localRandom?: { serialize(): Buffer };
    remoteRandom?: { serialize(): Buffer };
    remoteKeyPair?: { publicKey?: Buffer };
    remoteCertificate?: Buffer;
  };
  readonly dtls: {
    epoch: number;
    flight: number;
    recordSequenceNumber: number;
    readonly sortedHandshakeCache: HandshakeMessage[];
  };
  readonly transport: {
    send(record: Buffer, address?: unknown): Promise<void>;
    socket: { onData: (datagram: Buffer) => void; send(record: Buffer): Promise<void> };
  };
  readonly onData: WeriftEvent<[Buffer]>;
  readonly onConnect: WeriftEvent<[]>;
  readonly onClose: WeriftEvent<[]>;
  readonly onError: WeriftEvent<[Error]>;
  readonly remoteCertificate: Buffer | undefined;
  connect?(): Promise<void>;
}

export interface DtlsTransport {
  dtls: DtlsObject | undefined;
  dataReceiver: ((data: Buffer) => void) | undefined;
  state: string;
  role: "auto" | "client" | "server";
  localCertificate?: { getFingerprints(): { algorithm: string; value: string }[] };
  readonly onStateChange: WeriftEvent<[string]>;
  /** Makes `dtls` before it waits for anything. */
  start(): Promise<void>;
  startSrtp(): void;
  verifyRemoteCertificateFingerprint(): void;
  readonly iceTransport: { readonly connection: IceConnection; readonly state: string; start(): Promise<void> };
}

export interface CandidatePairView {
  readonly protocol: HostProtocol;
  readonly id: string;
  readonly remoteAddr: [string, number];
  readonly localCandidate: Candidate;
  readonly state: number;
  nominated: boolean;
  requestTransactionIds: Set<string>;
  requestsSent: number;
  /** Checks of the other side. */
  readonly requestsReceived: number;
}

export interface IceConnection {
  state: string;
  nominated?: CandidatePairView | undefined;
  stunServer?: [string, number] | undefined;
  turnServer?: [string, number] | undefined;
  readonly iceControlling: boolean;
  readonly generation: number;
  readonly localUsername: string;
  readonly localPassword: string;
  readonly remoteUsername: string;
  readonly userHistory: Record<string, string>;
  readonly remoteCandidates: Candidate[];
  readonly checkList: CandidatePairView[];
  protocols: HostProtocol[];
  readonly onData: WeriftEvent<[Buffer]>;
  send: (data: Buffer) => Promise<void>;
  canSendApplicationData(): boolean;
  ensureProtocol(protocol: HostProtocol): void;
  pairLocalProtocol(protocol: HostProtocol): void;
  appendLocalCandidate(candidate: Candidate): void;
  getCandidatePromises(addresses: string[], timeoutSeconds?: number): Promise<Candidate | undefined>[];
  /** Starts one check. @returns whether there may be more to check. */
  schedulingChecks: () => boolean;
  checkIncoming(message: unknown, address: [string, number], protocol: HostProtocol): void;
  /** A check is over, or its pair was nominated. */
  checkComplete(pair: CandidatePairView): void;
}

/** The parts of werift's StunProtocol that gathering uses. */
export interface HostProtocol {
  localIp?: string;
  localCandidate?: Candidate;
  transport?: unknown;
  datagramReceived(data: Buffer, address: [string, number]): void;
  sendData(data: Buffer, address: [string, number]): Promise<void>;
}

export const associationOf = (connection: RTCPeerConnection): Association =>
  connection.sctpTransport!.sctp as unknown as Association;

export const dtlsTransportOf = (connection: RTCPeerConnection): DtlsTransport =>
  connection.sctpTransport!.dtlsTransport as unknown as DtlsTransport;
