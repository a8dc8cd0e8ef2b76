import type { Clock, Random } from "@vigil/shared";

/**
 * Why a peer is gone. All but `local` and `failed` are definite closes that the other side authenticated (rules.md, R6).
 *
 * - `abort`: SCTP ABORT. `shutdown`: SCTP SHUTDOWN. `close_notify`: DTLS alert of epoch 1.
 * - `local`: `close()` was called here.
 * - `failed`: it never opened, the path died for good, or the other side broke the protocol.
 */
export type CloseCause = "abort" | "shutdown" | "close_notify" | "local" | "failed";

/**
 * A sign of life (rules.md, R1), in ms of the `Clock` that the peer was made with.
 *
 * - `transport`: one of our own random challenges was answered; `atMs` is when that challenge was SENT.
 * - `application`: a DATA chunk with a TSN never seen before arrived at `atMs`, even one still blocked behind a gap.
 */
export type Evidence = { kind: "transport"; atMs: number } | { kind: "application"; atMs: number };

export interface PeerEvents extends Record<string, unknown> {
  /** Both channels are open. At most once. */
  open: undefined;
  evidence: Evidence;
  /** Exactly once, whatever happens; nothing else is emitted after it. */
  closed: { cause: CloseCause };
}

/** Control goes before bulk at every turn; bulk is paced. Order is kept only within one priority of one channel. */
export type Priority = "control" | "bulk";

/** One negotiated, ordered data channel. */
export interface Channel {
  readonly label: string;
  readonly isOpen: boolean;
  /**
   * Queues one message; the bytes are copied. Before the channel opens messages wait.
   *
   * @throws VigilError `limit` if the message exceeds 65,535 bytes or the queue is full (wait for `whenDrained`),
   *   `bad_request` if it is empty, `cancelled` once the peer is closed.
   */
  send(message: Uint8Array | string, priority?: Priority): void;
  /** Text frames arrive as string, binary ones as Buffer. Messages before the first listener are kept for it. */
  onMessage(listener: (message: Buffer | string) => void): () => void;
  /** Bytes of this channel that were not yet handed to the SCTP association. */
  readonly queuedBytes: number;
  /** Resolves once `queuedBytes` is at or under the low watermark; rejects with `cancelled` if the peer closes first. */
  whenDrained(): Promise<void>;
}

export interface CloseOptions {
  /**
   * How long, in ms, the port stays to answer later packets of the other side with another ABORT, for one that could
   * not hear the first (a lapse by silence). Default 0: everything is freed at once.
   */
  lingerMs?: number;
}

/** One authenticated connection to a client or a part, whatever carries it. */
export interface Peer {
  readonly id: string;
  readonly state: "connecting" | "open" | "closed";
  /** Where the other side's packets come from, "ip:port" ("[ip]:port" for IPv6); undefined before a path was chosen. */
  remoteAddress(): string | undefined;
  /** Our own end of that path, in the same form. */
  localAddress(): string | undefined;
  /** SHA-256 fingerprints ("AB:CD:...") of both certificates, for binding an authentication to this very connection. */
  fingerprints(): { local: string; remote: string } | undefined;
  readonly data: Channel;
  readonly negotiation: Channel;
  /** Whether an answer to a renegotiation of the other side is still being worked out (the knock must not count then). */
  readonly isRenegotiating: boolean;
  /** Sends one challenge with fresh random content. Its answer becomes `evidence` dated at this call. No-op unless open. */
  challenge(): void;
  /** A trickled candidate of the other side; ones of no use (`.local`, TCP, malformed) are dropped without an error. */
  addCandidate(candidate: CandidateInit): void;
  on<K extends keyof PeerEvents & string>(event: K, listener: (payload: PeerEvents[K]) => void): () => void;
  /** Tells the other side (SCTP ABORT, DTLS close_notify) and frees everything. Idempotent. */
  close(options?: CloseOptions): Promise<void>;
}

export interface SessionDescription {
  type: "offer" | "answer";
  sdp: string;
}

export interface CandidateInit {
  /** "candidate:..." line, with or without that prefix; empty means end of candidates and is ignored. */
  candidate: string;
  sdpMid?: string | null;
  sdpMLineIndex?: number | null;
  usernameFragment?: string | null;
}

/** Receives lines for a person: `message` and plain fields. Matches pino's argument order. */
export interface Log {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface TransportDeps {
  clock: Clock;
  random: Random;
  log?: Log;
}

export interface PeerOptions {
  /** Inclusive range of local UDP ports; default any free port. One port per peer and host address. */
  udpPorts?: { min: number; max: number };
  /** Local addresses to bind to and to offer; default every non-internal, non-link-local address plus 127.0.0.1. */
  hostAddresses?: readonly string[];
  /** STUN and TURN servers for our own candidates; default none, and then nothing outside is ever asked. */
  iceServers?: readonly { urls: string | string[]; username?: string; credential?: string }[];
  /** How long a peer may take to open before it is `failed`. Default 10 s, the offer deadline of Viam's SDKs. */
  openTimeoutMs?: number;
  /** For tests that show what a workaround is good for: names of those to leave out. */
  without?: readonly string[];
}
