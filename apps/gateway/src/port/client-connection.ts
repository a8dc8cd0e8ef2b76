import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type Clock, Code, createEmitter, type Emitter, type Random, uuid } from "@vigil/shared";
import type { OpenCall } from "./open-call.js";

/** Why a connection ended. "local": by our own hand; "error": a broken protocol, or TCP gave up on a silent peer. */
export type CloseCause = "fin" | "reset" | "goaway" | "local" | "error";

export interface ClosedEvent {
  readonly cause: CloseCause;
  /**
   * The end itself is news of the client: an HTTP/2 connection that either side ended. False for HTTP/1.1, where pools
   * close what is idle, and where TCP only gave up on a silent peer (rules.md, R6).
   */
  readonly definite: boolean;
}

export type ConnectionEvents = {
  /** The answer to a challenge; `at` is the clock's time at which that challenge was sent (rules.md, R1). */
  evidence: { readonly kind: "transport"; readonly at: number };
  /** Once, last. All calls of the connection have been cancelled before. */
  closed: ClosedEvent;
};

/** What a connection has carried: gRPC-web marks it for good, for then a browser or a proxy owns it. */
export type ConnectionKind = "http" | "grpc" | "grpc-web";

/** One accepted TCP connection. */
export interface ClientConnection {
  readonly id: string;
  readonly kind: ConnectionKind;
  readonly httpVersion: "1.1" | "2";
  readonly encrypted: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Whether an answered PING is a sign of life of the client itself. Once false it stays so (rules.md, R1). */
  readonly challengeable: boolean;
  /** Calls that have neither been answered nor cancelled. */
  readonly openCalls: number;
  readonly closed: ClosedEvent | undefined;
  readonly on: Emitter<ConnectionEvents>["on"];
  /** Sends a PING with fresh random bytes. False when it may not or cannot: then no evidence will follow from it. */
  challenge(): boolean;
  /** Cuts the connection at once with a TCP reset: nothing that is queued in it can arrive any more (rules.md, R6). */
  destroy(): void;
}

/** The port's own view of a connection. */
export interface PortConnection extends ClientConnection {
  readonly calls: Set<OpenCall>;
  /** The session, once the first bytes have told HTTP/2. */
  attachSession(session: ServerHttp2Session): void;
  /** Looks at a request's head for signs that another party owns the connection. */
  noteRequest(headers: Readonly<Record<string, unknown>>): void;
  noteCall(kind: "grpc" | "grpc-web"): void;
  /** Cuts a connection whose peer has fallen silent: no definite end. */
  giveUp(): void;
  /** A stream over the raw socket (TLS) whose errors and end mean the connection's. */
  watch(socket: Socket): void;
  /** Ends open calls with UNAVAILABLE, and the connection as soon as the answers have left. */
  drain(): void;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly random: Random;
}

export interface ConnectionOptions {
  readonly encrypted: boolean;
  /** The listener stands behind a proxy, which would answer for its clients. */
  readonly proxied: boolean;
}

const FORWARDING_FIELDS = ["via", "forwarded", "x-forwarded-for"] as const;

const RESET_CODES = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);
/** TCP's own verdicts on a peer that said nothing. */
const SILENCE_CODES = new Set(["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN"]);

export function createConnection(deps: ConnectionDeps, raw: Socket, options: ConnectionOptions): PortConnection {
  const emitter = createEmitter<ConnectionEvents>();
  const calls = new Set<OpenCall>();
  let session: ServerHttp2Session | undefined;
  /** The topmost stream over the socket: itself, or the TLS stream on it. */
  let stream = raw;
  let kind: ConnectionKind = "http";
  let owned = !options.proxied;
  let goneAway = false;
  let draining = false;
  let closed: ClosedEvent | undefined;

  const finish = (cause: CloseCause, silence = false) => {
    if (closed) return;
    const told = cause === "fin" && goneAway ? "goaway" : cause;
    closed = { cause: told, definite: session !== undefined && !silence };
    for (const call of [...calls]) call.gone();
    emitter.emit("closed", closed);
  };
  const failed = (error: NodeJS.ErrnoException) => {
    const silence = SILENCE_CODES.has(error.code ?? "");
    finish(RESET_CODES.has(error.code ?? "") ? "reset" : "error", silence);
  };
  const cut = () => {
    session?.destroy();
    raw.destroy();
  };
  const watch = (socket: Socket) => {
    stream = socket;
    socket.on("error", failed);
    socket.on("end", () => {
      finish("fin");
      // What waits for a peer that has gone would keep an HTTP/2 session, and its memory, until TCP gives up.
      if (session) cut();
    });
    socket.on("close", () => finish(draining ? "local" : "error"));
  };
  raw.setNoDelay(true);
  watch(raw);

  const connection: PortConnection = {
    id: uuid(deps.random),
    remoteAddress: raw.remoteAddress ?? "",
    remotePort: raw.remotePort ?? 0,
    localAddress: raw.localAddress ?? "",
    localPort: raw.localPort ?? 0,
    encrypted: options.encrypted,
    calls,
    on: emitter.on,
    watch,
    get kind() {
      return kind;
    },
    get httpVersion() {
      return session ? "2" : "1.1";
    },
    get challengeable() {
      return owned && session !== undefined;
    },
    get openCalls() {
      return calls.size;
    },
    get closed() {
      return closed;
    },
    attachSession(attached) {
      session = attached;
      session.on("goaway", () => {
        goneAway = true;
      });
      session.on("error", failed);
    },
    noteRequest(headers) {
      if (owned && FORWARDING_FIELDS.some((field) => headers[field] !== undefined)) owned = false;
    },
    noteCall(called) {
      if (called === "grpc-web") {
        kind = "grpc-web";
        owned = false;
      } else if (kind === "http") kind = "grpc";
    },
    challenge() {
      if (!owned || closed || !session || session.destroyed) return false;
      const nonce = Buffer.from(deps.random.bytes(8));
      const at = deps.clock.now();
      // Node pairs answers with PINGs by order alone: the bytes have to be compared here.
      return session.ping(nonce, (error, _durationMs, answer) => {
        if (error || closed || !owned || !nonce.equals(answer)) return;
        emitter.emit("evidence", { kind: "transport", at });
      });
    },
    giveUp() {
      finish("error", true);
      cut();
    },
    destroy() {
      finish("local");
      // Before the session's own end, which would say good-bye with a FIN; on the raw socket, for under TLS it throws.
      // The destroy that follows at once keeps Node from ending the socket in good order first.
      if (!raw.destroyed && !raw.writableEnded) raw.resetAndDestroy();
      raw.destroy();
      session?.destroy();
    },
    drain() {
      draining = true;
      for (const call of [...calls]) call.fail({ code: Code.unavailable, message: "the gateway is shutting down" });
      if (session) session.close();
      else stream.destroySoon();
    },
  };
  return connection;
}
