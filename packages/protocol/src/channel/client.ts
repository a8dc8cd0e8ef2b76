import { Code } from "@vigil/shared";
import {
  type CallHandler,
  type CallStart,
  IGNORE_REQUESTS,
  type RequestSink,
  type ResponseSink,
  type Status,
} from "../call.js";
import { createStatus } from "../status.js";
import { type Assembly, createAssembly, createAssemblyBudget } from "./assembly.js";
import { decodeResponse } from "./decode.js";
import { encodeRequestEnd, encodeRequestHeaders, encodeRequestPacket, encodeReset } from "./encode.js";
import type { FramePriority, ResponseFrame, ResponseMessageFrame } from "./frame.js";
import { type FrameOutput, sendMessage } from "./frame-output.js";
import {
  type BadFrame,
  type ChannelLimits,
  MAX_ASSEMBLY_BYTES,
  MAX_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_STREAMS,
} from "./limits.js";
import { tooLarge } from "./server.js";

/** The calling end of gRPC over a data channel: a handler that writes frames. */
export interface ChannelClient {
  readonly call: CallHandler;
  /** One message of the data channel. Never throws; keeps no view of the bytes. */
  receive(frame: Uint8Array): void;
  /** Ends every open call with `status`, and every later one at once: the channel is gone. */
  closeAll(status: Status): void;
  readonly openCalls: number;
}

export interface ChannelClientDeps extends FrameOutput {
  onBadFrame?(reason: BadFrame): void;
}

interface Stream {
  readonly id: number;
  readonly assembly: Assembly;
  readonly response: ResponseSink;
  headersCame: boolean;
  /** "bulk" from its first message of several packets on: nothing of a stream may overtake them. */
  priority: FramePriority;
  done: boolean;
}

export function createChannelClient(deps: ChannelClientDeps, limits: ChannelLimits = {}): ChannelClient {
  const { send } = deps;
  const {
    maxMessageBytes = MAX_MESSAGE_BYTES,
    maxStreams = MAX_STREAMS,
    maxAssemblyBytes = MAX_ASSEMBLY_BYTES,
  } = limits;
  const budget = createAssemblyBudget(maxAssemblyBytes);
  const streams = new Map<number, Stream>();
  let nextId = 0;
  let closedWith: Status | undefined;

  const bad = (reason: BadFrame) => deps.onBadFrame?.(reason);

  const forget = (stream: Stream) => {
    stream.done = true;
    streams.delete(stream.id);
    stream.assembly.drop();
  };

  /** Ends a call from this side: the server is told to stop, the caller hears why. */
  const abort = (stream: Stream, status: Status) => {
    forget(stream);
    send(encodeReset(stream.id), "control");
    stream.response.trailers(status);
  };

  const requestSink = (stream: Stream): RequestSink => ({
    message(bytes) {
      if (stream.done) return;
      if (bytes.length > maxMessageBytes) return abort(stream, tooLarge("request", maxMessageBytes));
      sendMessage(deps, stream, bytes, encodeRequestPacket);
    },
    end() {
      if (!stream.done) send(encodeRequestEnd(stream.id), stream.priority);
    },
    cancel() {
      if (stream.done) return;
      forget(stream);
      send(encodeReset(stream.id), "control");
    },
  });

  const call = (start: CallStart, response: ResponseSink): RequestSink => {
    const refusal = closedWith ?? (streams.size >= maxStreams ? CHANNEL_FULL : undefined);
    const headers = refusal ? undefined : encodeRequestHeaders(nextId, start.method, start.metadata, start.timeoutMs);
    if (refusal !== undefined || headers === undefined || headers.length > MAX_FRAME_BYTES) {
      response.trailers(refusal ?? METADATA_TOO_LARGE);
      return IGNORE_REQUESTS;
    }
    const assembly = createAssembly(budget, maxMessageBytes);
    const stream: Stream = { id: nextId++, assembly, response, headersCame: false, priority: "control", done: false };
    streams.set(stream.id, stream);
    send(headers, "control");
    return requestSink(stream);
  };

  const receiveMessage = (stream: Stream, frame: ResponseMessageFrame) => {
    const message = stream.assembly.add(frame.data, frame.eom);
    if (message === "too_large") {
      bad("message_too_large");
      abort(stream, tooLarge("response", maxMessageBytes));
    } else if (message !== undefined) stream.response.message(message);
  };

  const dispatch = (stream: Stream, frame: ResponseFrame) => {
    switch (frame.kind) {
      case "headers":
        if (stream.headersCame) return bad("headers_twice");
        stream.headersCame = true;
        return stream.response.headers(frame.metadata);
      case "message":
        return receiveMessage(stream, frame);
      case "trailers": {
        const cut = stream.assembly.partial && frame.status.code === Code.ok;
        if (cut) bad("cut_message");
        forget(stream);
        return stream.response.trailers(cut ? CUT_RESPONSE : frame.status, frame.metadata);
      }
      case "empty":
        return bad("undecodable");
    }
  };

  return {
    call,
    get openCalls() {
      return streams.size;
    },
    receive(bytes) {
      if (bytes.length > MAX_FRAME_BYTES) return bad("oversized");
      let frame: ResponseFrame;
      try {
        frame = decodeResponse(bytes);
      } catch {
        return bad("undecodable");
      }
      const stream = streams.get(frame.streamId);
      if (stream !== undefined) dispatch(stream, frame);
      else if (frame.streamId >= nextId) bad("no_headers");
    },
    closeAll(status) {
      closedWith ??= status;
      for (const stream of [...streams.values()]) {
        forget(stream);
        stream.response.trailers(status);
      }
    },
  };
}

const CHANNEL_FULL = createStatus(
  Code.resourceExhausted,
  "too many calls are open on this connection: wait for some to end",
);
const METADATA_TOO_LARGE = createStatus(
  Code.resourceExhausted,
  `the metadata of the call does not fit into one frame of ${MAX_FRAME_BYTES} bytes: send less`,
);
const CUT_RESPONSE = createStatus(Code.internal, "the response ended within a message");
