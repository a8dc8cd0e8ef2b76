import type { Code } from "@vigil/shared";

/** gRPC metadata: lower-case keys, each with one or more text values. Binary (`-bin`) values stay base64 text. */
export type Metadata = ReadonlyMap<string, readonly string[]>;

export const NO_METADATA: Metadata = new Map();

/** The outcome of a call. `details` is a serialised google.rpc.Status, where the origin gave one. */
export interface Status {
  readonly code: Code;
  readonly message: string;
  readonly details?: Uint8Array;
}

export const OK: Status = { code: 0, message: "" };

/** How a call begins. */
export interface CallStart {
  /** "/package.Service/Method" */
  readonly method: string;
  readonly metadata: Metadata;
  /** Time that the caller gives it from now, in ms; undefined: no deadline. */
  readonly timeoutMs: number | undefined;
}

/** What flows from the caller to the server of a call, after its start. */
export interface RequestSink {
  /** One whole message. The bytes belong to the receiver from now on. */
  message(bytes: Uint8Array): void;
  /** The caller sends no more messages. */
  end(): void;
  /** The caller gave up, its connection is gone or its session has ended. Nothing may be sent to the response after. */
  cancel(status: Status): void;
}

/** What flows back. Order: headers (at most once), messages, trailers (exactly once, last). */
export interface ResponseSink {
  headers(metadata: Metadata): void;
  message(bytes: Uint8Array): void;
  trailers(status: Status, metadata?: Metadata): void;
}

/**
 * The one seam between every carrier (data channel, HTTP/2, gRPC-web, link) and everything that answers calls
 * (router, relay, local service). A carrier turns its frames into one `CallHandler` invocation; a relay is a handler
 * that writes frames. Messages cross it as bytes: who needs to understand them decodes them.
 *
 * A handler must not throw; it answers with trailers. It may answer before it returns.
 */
export type CallHandler = (start: CallStart, response: ResponseSink) => RequestSink;

/** A request sink for a call that was answered at once: everything that still comes is dropped. */
export const IGNORE_REQUESTS: RequestSink = { message() {}, end() {}, cancel() {} };
