import { Code, VigilError } from "@vigil/shared";
import {
  type CallHandler,
  IGNORE_REQUESTS,
  type Metadata,
  NO_METADATA,
  type RequestSink,
  type ResponseSink,
  type Status,
} from "../call.js";
import { takeTimeout } from "../call-timeout.js";
import { joinMetadata } from "../metadata.js";
import { asciiText, createStatus, statusOf } from "../status.js";
import { type Assembly, createAssembly, createAssemblyBudget } from "./assembly.js";
import { decodeRequest } from "./decode.js";
import { encodeResponseHeaders, encodeResponsePacket, encodeResponseTrailers } from "./encode.js";
import type { FramePriority, RequestFrame, RequestHeadersFrame, RequestMessageFrame } from "./frame.js";
import { type FrameOutput, sendMessage } from "./frame-output.js";
import {
  type BadFrame,
  type ChannelLimits,
  MAX_ASSEMBLY_BYTES,
  MAX_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_STREAMS,
} from "./limits.js";

/** The answering end of gRPC over a data channel. It does no I/O: frames come in by `receive` and go out by `send`. */
export interface ChannelServer {
  /** One message of the data channel. Never throws; keeps no view of the bytes. */
  receive(frame: Uint8Array): void;
  /**
   * Sends `status` as trailers on every open stream and cancels its handler; frames that still come are dropped.
   * To be called before a peer is closed: TypeScript never settles a call in flight otherwise (viam-wire.md).
   */
  closeAll(status: Status): void;
  readonly openCalls: number;
}

export interface ChannelServerDeps extends FrameOutput {
  readonly handler: CallHandler;
  /** A frame was refused; what that means for the peer is the caller's to decide. */
  onBadFrame?(reason: BadFrame): void;
}

interface Stream {
  readonly id: number;
  readonly assembly: Assembly;
  /** Set when the handler has returned. */
  request: RequestSink | undefined;
  /** Headers that wait for the first message or for OK: TypeScript swallows an error that follows headers. */
  headers: Metadata;
  headersSent: boolean;
  /** "bulk" from its first message of several packets on: nothing of a stream may overtake them. */
  priority: FramePriority;
  ended: boolean;
  done: boolean;
  /** Set when the call was ended from outside; a handler that has not returned yet is told when it has. */
  cancelledWith: Status | undefined;
}

/**
 * Unary calls of TypeScript never send `eos`, and a frame does not tell the kind of its method: each whole message is
 * handed on as it comes, the end when it comes, and a handler of a unary method starts at its first message.
 */
export function createChannelServer(deps: ChannelServerDeps, limits: ChannelLimits = {}): ChannelServer {
  const { handler, send } = deps;
  const {
    maxMessageBytes = MAX_MESSAGE_BYTES,
    maxStreams = MAX_STREAMS,
    maxAssemblyBytes = MAX_ASSEMBLY_BYTES,
  } = limits;
  const budget = createAssemblyBudget(maxAssemblyBytes);
  const streams = new Map<number, Stream>();
  /** Late frames of a finished call are no offence; those for a stream above this one are. */
  let highestId = -1;
  let closed = false;

  const bad = (reason: BadFrame) => deps.onBadFrame?.(reason);

  const finish = (stream: Stream, status: Status, metadata: Metadata = NO_METADATA) => {
    if (stream.done) return;
    stream.done = true;
    streams.delete(stream.id);
    stream.assembly.drop();
    let trailers = metadata;
    if (!stream.headersSent && status.code === Code.ok) sendHeaders(stream);
    else if (!stream.headersSent) trailers = joinMetadata(stream.headers, metadata);
    send(trailersFrame(stream.id, status, trailers), stream.priority);
  };

  const sendHeaders = (stream: Stream) => {
    stream.headersSent = true;
    send(headersFrame(stream.id, stream.headers), stream.priority);
  };

  /** Ends a call from this side: the client hears why, the handler is cancelled. */
  const abort = (stream: Stream, status: Status) => {
    if (stream.done) return;
    finish(stream, status);
    cancel(stream, status);
  };

  const cancel = (stream: Stream, status: Status) => {
    stream.cancelledWith = status;
    try {
      stream.request?.cancel(status);
    } catch {
      // The call is over and nobody waits for its handler: its error has no one to go to.
    }
  };

  const responseSink = (stream: Stream): ResponseSink => ({
    headers(metadata) {
      stream.headers = metadata;
    },
    message(bytes) {
      if (stream.done) return;
      if (bytes.length > maxMessageBytes) return abort(stream, tooLarge("response", maxMessageBytes));
      if (!stream.headersSent) sendHeaders(stream);
      sendMessage(deps, stream, bytes, encodeResponsePacket);
    },
    trailers: (status, metadata) => finish(stream, status, metadata),
  });

  const open = (frame: RequestHeadersFrame) => {
    highestId = Math.max(highestId, frame.streamId);
    if (streams.has(frame.streamId)) return bad("headers_twice");
    if (streams.size >= maxStreams) {
      send(trailersFrame(frame.streamId, TOO_MANY_STREAMS(maxStreams), NO_METADATA), "control");
      return;
    }
    const stream: Stream = {
      id: frame.streamId,
      assembly: createAssembly(budget, maxMessageBytes),
      request: undefined,
      headers: NO_METADATA,
      headersSent: false,
      priority: "control",
      ended: false,
      done: false,
      cancelledWith: undefined,
    };
    streams.set(stream.id, stream);
    const { metadata, timeoutMs } = takeTimeout(frame.metadata, frame.timeoutMs);
    try {
      stream.request = handler({ method: frame.method, metadata, timeoutMs }, responseSink(stream));
      if (stream.cancelledWith !== undefined) cancel(stream, stream.cancelledWith);
    } catch (error) {
      stream.request = IGNORE_REQUESTS;
      finish(stream, statusOf(VigilError.from(error)));
    }
  };

  const receiveMessage = (frame: RequestMessageFrame) => {
    const stream = streams.get(frame.streamId);
    if (stream === undefined) {
      if (frame.streamId > highestId) bad("no_headers");
      return;
    }
    if (stream.ended) return bad("after_end");
    try {
      if (frame.hasMessage) {
        const message = stream.assembly.add(frame.data, frame.eom);
        if (message === "too_large") {
          bad("message_too_large");
          return abort(stream, tooLarge("request", maxMessageBytes));
        }
        if (message !== undefined) stream.request?.message(message);
      }
      if (!frame.eos || stream.done) return;
      stream.ended = true;
      if (stream.assembly.partial) {
        bad("cut_message");
        return abort(
          stream,
          createStatus(Code.internal, "the request stream ended within a message: send its last packet with eom"),
        );
      }
      stream.request?.end();
    } catch (error) {
      abort(stream, statusOf(VigilError.from(error)));
    }
  };

  const reset = (id: number) => {
    const stream = streams.get(id);
    if (stream === undefined) return;
    stream.done = true;
    streams.delete(id);
    stream.assembly.drop();
    cancel(stream, RESET);
  };

  return {
    get openCalls() {
      return streams.size;
    },
    receive(bytes) {
      if (closed) return;
      if (bytes.length > MAX_FRAME_BYTES) return bad("oversized");
      let frame: RequestFrame;
      try {
        frame = decodeRequest(bytes);
      } catch {
        return bad("undecodable");
      }
      if (frame.kind === "headers") open(frame);
      else if (frame.kind === "message") receiveMessage(frame);
      else if (frame.kind === "reset" && frame.rst) reset(frame.streamId);
      else if (frame.kind === "empty") bad("undecodable");
    },
    closeAll(status) {
      closed = true;
      for (const stream of [...streams.values()]) abort(stream, status);
    },
  };
}

const RESET: Status = { code: Code.cancelled, message: "the client cancelled the call" };

const TOO_MANY_STREAMS = (maxStreams: number) =>
  createStatus(
    Code.resourceExhausted,
    `more than ${maxStreams} calls are open on this connection: wait for some to end`,
  );

export function tooLarge(what: "request" | "response", maxBytes: number): Status {
  return createStatus(
    Code.resourceExhausted,
    `${what} message too large: a message has at most ${maxBytes} bytes, and the unfinished ones of a connection share a budget`,
  );
}

function headersFrame(streamId: number, metadata: Metadata): Uint8Array {
  const frame = encodeResponseHeaders(streamId, metadata);
  return frame.length <= MAX_FRAME_BYTES ? frame : encodeResponseHeaders(streamId, NO_METADATA);
}

/** Trailers end a call: what does not fit into the frame is left out rather than the frame. */
function trailersFrame(streamId: number, status: Status, metadata: Metadata): Uint8Array {
  const { code, details } = status;
  const message = asciiText(status.message);
  const full = encodeResponseTrailers(streamId, details ? { code, message, details } : { code, message }, metadata);
  return full.length <= MAX_FRAME_BYTES ? full : encodeResponseTrailers(streamId, { code, message }, NO_METADATA);
}
