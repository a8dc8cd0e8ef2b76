import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Metadata, Status } from "@vigil/protocol";
import { type Clock, Code, type Timer } from "@vigil/shared";
import type { BulkPacer } from "./bulk-pacer.js";
import { readCallStart } from "./call-start.js";
import { ANSWERED_STREAM_GRACE_MS } from "./limits.js";
import { sendableFields, statusFields } from "./metadata.js";
import { type Caller, type CallWire, type OpenCallDeps, openCall } from "./open-call.js";
import { createStreamWriter } from "./stream-writer.js";

export interface GrpcRequest {
  readonly stream: ServerHttp2Stream;
  readonly pacer: BulkPacer;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly caller: Caller;
}

/** Serves one gRPC call on an HTTP/2 stream. */
export function serveGrpc(deps: OpenCallDeps & { readonly clock: Clock }, request: GrpcRequest): void {
  const { stream, headers } = request;
  const wire = createGrpcWire(request, deps.clock);
  // Every failure of a stream also closes it, which is what is acted upon.
  stream.on("error", deps.onFault);
  const start = readCallStart(headers[":path"], headers["grpc-timeout"], request.rawHeaders);
  if ("code" in start) {
    stream.resume();
    wire.finish(start, new Map());
    return;
  }
  const call = openCall(deps, wire, start, request.caller);
  stream.on("data", (chunk: Buffer) => call.receive(chunk));
  stream.on("end", () => {
    // A reset also ends the stream; only an END_STREAM of the client ends its request.
    if (!stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR) call.requestEnded();
  });
  stream.on("aborted", () => call.gone());
  stream.on("close", () => call.gone());
}

function createGrpcWire({ stream, pacer, headers }: GrpcRequest, clock: Clock): CallWire {
  const contentType = headers["content-type"] ?? "application/grpc";
  const writer = createStreamWriter(stream, pacer);
  let begun = false;
  let remainder: Timer | undefined;
  stream.on("close", () => remainder?.cancel());

  /** A client that goes on sending after its answer is told to stop, as gRPC servers do (NO_ERROR: the answer counts). */
  const limitRemainder = () => {
    if (stream.readableEnded || stream.destroyed) return;
    remainder = clock.after(ANSWERED_STREAM_GRACE_MS, () => stream.close(constants.NGHTTP2_NO_ERROR));
  };

  return {
    begin(metadata) {
      stream.respond(responseFields(contentType, metadata), { waitForTrailers: true });
      begun = true;
    },
    write: writer.write,
    finish(status, metadata) {
      if (stream.destroyed) return;
      if (begun) {
        const trailers = trailerFields({}, status, metadata);
        stream.once("wantTrailers", () => sendTrailers(stream, trailers));
        writer.end(limitRemainder);
      } else {
        const fields = responseFields(contentType, metadata);
        if (status.code === Code.unimplemented) fields["grpc-accept-encoding"] = "identity";
        stream.respond(trailerFields(fields, status), { endStream: true });
        limitRemainder();
      }
    },
    abort() {
      // gRPC reads this code as RESOURCE_EXHAUSTED.
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      stream.destroy();
    },
    queuedBytes: writer.queuedBytes,
  };
}

function sendTrailers(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  try {
    stream.sendTrailers(trailers);
  } catch {
    // Metadata that Node refuses must not cost the call its status: without trailers the client would see INTERNAL.
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

function responseFields(contentType: string, metadata: Metadata): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = { ":status": 200, "content-type": contentType };
  for (const [name, values] of sendableFields(metadata)) fields[name] = values.length === 1 ? values[0] : values;
  return fields;
}

function trailerFields(fields: OutgoingHttpHeaders, status: Status, metadata?: Metadata): OutgoingHttpHeaders {
  if (metadata) {
    for (const [name, values] of sendableFields(metadata)) fields[name] = values.length === 1 ? values[0] : values;
  }
  for (const [name, value] of statusFields(status)) fields[name] = value;
  return fields;
}
