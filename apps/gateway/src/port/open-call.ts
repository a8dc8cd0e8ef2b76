import {
  type CallStart,
  IGNORE_REQUESTS,
  type Metadata,
  NO_METADATA,
  type RequestSink,
  type ResponseSink,
  type Status,
} from "@vigil/protocol";
import { Code, VigilError } from "@vigil/shared";
import { createEnvelopeReader, envelope } from "./envelope.js";
import { MAX_QUEUED_BYTES_PER_CALL, MAX_QUEUED_BYTES_PER_CONNECTION } from "./limits.js";

/** Who calls, as far as the request's head tells: HTTP/1.1 and browsers' pools have no identity of their own. */
export interface Caller {
  readonly kind: "grpc" | "grpc-web";
  /** The socket's peer; where the listener is marked `proxied`, what its proxy says of it. */
  readonly remoteAddress: string;
  readonly origin: string | undefined;
  readonly userAgent: string | undefined;
}

/** A call handler that also hears who calls. Every `CallHandler` is one. */
export type PortCallHandler = (start: CallStart, response: ResponseSink, caller: Caller) => RequestSink;

/** How the frames of one call leave: one implementation for each of gRPC, gRPC-web, HTTP/1.1 and HTTP/2 in question. */
export interface CallWire {
  /** Response headers; at most once, first. */
  begin(metadata: Metadata): void;
  /** Bytes of an envelope. */
  write(bytes: Buffer): void;
  /** The end of the call: trailers, or headers and trailers in one where `begin` was not called. Last. */
  finish(status: Status, metadata: Metadata): void;
  /** Drops what waits and ends the stream by force. Last. */
  abort(): void;
  queuedBytes(): number;
}

/** One call between its wire and its handler. Keeps the order of things, so that neither side has to trust the other. */
export interface OpenCall {
  receive(chunk: Uint8Array): void;
  /** The request is complete. */
  requestEnded(): void;
  /** The stream or connection is gone: nothing can be sent. No-op after the answer. */
  gone(): void;
  /** Ends the call from our side with an answer, and cancels it at the handler. */
  fail(status: Status): void;
  readonly answered: boolean;
  queuedBytes(): number;
}

export interface OpenCallDeps {
  readonly handler: PortCallHandler;
  /** The calls of the same connection; the call adds and removes itself. */
  readonly siblings: Set<OpenCall>;
  /** A handler threw, or metadata could not be sent: the call has ended with INTERNAL. */
  readonly onFault: (error: unknown) => void;
}

export function openCall(deps: OpenCallDeps, wire: CallWire, start: CallStart, caller: Caller): OpenCall {
  const { siblings } = deps;
  let request: RequestSink | undefined;
  let begun = false;
  let over = false;
  let answered = false;
  let requestOver = false;
  let cancelledEarly: Status | undefined;

  const close = () => {
    over = true;
    siblings.delete(call);
  };
  /** A handler that has not returned its sink yet hears of it right after. */
  const cancelHandler = (status: Status) => {
    if (!request) cancelledEarly = status;
    else call.guard(() => request?.cancel(status));
  };
  const finish = (status: Status, metadata: Metadata) => {
    close();
    answered = true;
    try {
      wire.finish(status, metadata);
    } catch (error) {
      deps.onFault(error);
      wire.abort();
    }
  };

  const response: ResponseSink = {
    headers(metadata) {
      if (over || begun) return;
      begun = true;
      call.guard(() => wire.begin(metadata));
    },
    message(bytes) {
      if (over) return;
      if (!begun) response.headers(NO_METADATA);
      if (over) return;
      if (overfull()) {
        close();
        answered = true;
        wire.abort();
        cancelHandler({ code: Code.resourceExhausted, message: "the client does not read its responses" });
        return;
      }
      call.guard(() => {
        for (const part of envelope(bytes)) wire.write(part);
      });
    },
    trailers(status, metadata = NO_METADATA) {
      if (over) return;
      finish(status, metadata);
    },
  };

  const overfull = (): boolean => {
    const own = wire.queuedBytes();
    if (own > MAX_QUEUED_BYTES_PER_CALL) return true;
    // Only a call that waits itself can be the one too many, so the sum is seldom made.
    if (own === 0) return false;
    let all = 0;
    for (const sibling of siblings) all += sibling.queuedBytes();
    return all > MAX_QUEUED_BYTES_PER_CONNECTION;
  };

  const reader = createEnvelopeReader(
    (bytes) => {
      if (!over) call.guard(() => request?.message(bytes));
    },
    (status) => call.fail(status),
  );

  const call: OpenCall & { guard(step: () => void): void } = {
    receive(chunk) {
      if (!over && !requestOver) reader.push(chunk);
    },
    requestEnded() {
      if (over || requestOver) return;
      requestOver = true;
      if (reader.end() && !over) call.guard(() => request?.end());
    },
    gone() {
      if (over) return;
      close();
      cancelHandler({ code: Code.cancelled, message: "the client cancelled the call or is gone" });
    },
    fail(status) {
      if (over) return;
      finish(status, NO_METADATA);
      cancelHandler(status);
    },
    get answered() {
      return answered;
    },
    queuedBytes: () => wire.queuedBytes(),
    guard(step) {
      try {
        step();
      } catch (error) {
        deps.onFault(error);
        if (!over) call.fail({ code: Code.internal, message: VigilError.from(error).message });
      }
    },
  };

  siblings.add(call);
  call.guard(() => {
    const sink = deps.handler(start, response, caller);
    request = over && !cancelledEarly ? IGNORE_REQUESTS : sink;
    if (cancelledEarly) request.cancel(cancelledEarly);
  });
  return call;
}
