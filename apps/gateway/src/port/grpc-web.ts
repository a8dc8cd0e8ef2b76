import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { Code } from "@vigil/shared";
import { createBase64Decoder } from "./base64-text.js";
import type { BulkPacer } from "./bulk-pacer.js";
import { readCallStart } from "./call-start.js";
import { envelope, TRAILER_FLAG } from "./envelope.js";
import { sendableFields, statusFields } from "./metadata.js";
import { type Caller, type CallWire, type OpenCallDeps, openCall } from "./open-call.js";
import { EXPOSED_FIELDS } from "./origin-policy.js";
import { createStreamWriter } from "./stream-writer.js";

/** The response side of an HTTP exchange, of either version. */
export interface WebResponse {
  head(fields: Record<string, string | string[]>): void;
  write(bytes: Buffer): void;
  end(): void;
  abort(): void;
  queuedBytes(): number;
  /** The exchange is over, or its connection is gone. */
  onClose(listener: () => void): void;
}

export interface GrpcWebRequest {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
  /** Body in base64, both ways. */
  readonly text: boolean;
  /** CORS fields that the policy granted. */
  readonly cors: Readonly<Record<string, string>>;
  readonly caller: Caller;
  /** Whether the body came to its end, rather than its connection. */
  readonly complete: () => boolean;
}

/** Serves one gRPC-web call. Its trailers always come as the last frame of the body, which every client reads. */
export function serveGrpcWeb(deps: OpenCallDeps, request: GrpcWebRequest, response: WebResponse): void {
  const wire = createWebWire(request, response);
  const start = readCallStart(request.path, request.headers["grpc-timeout"], request.rawHeaders);
  const { body } = request;
  body.on("error", deps.onFault);
  if ("code" in start) {
    body.resume();
    wire.finish(start, new Map());
    return;
  }
  const call = openCall(deps, wire, start, request.caller);
  const decoder = request.text ? createBase64Decoder() : undefined;
  body.on("data", (chunk: Buffer) => call.receive(decoder ? decoder.push(chunk) : chunk));
  body.on("end", () => {
    if (!request.complete()) return;
    if (decoder && !decoder.end()) call.fail({ code: Code.internal, message: "the base64 text is cut short" });
    call.requestEnded();
  });
  response.onClose(() => call.gone());
}

function createWebWire(request: GrpcWebRequest, response: WebResponse): CallWire {
  let begun = false;
  const send = (bytes: Buffer) =>
    response.write(request.text ? Buffer.from(bytes.toString("base64"), "latin1") : bytes);
  const wire: CallWire = {
    begin(metadata) {
      const fields: Record<string, string | string[]> = {
        ...request.cors,
        "content-type": request.headers["content-type"] ?? "application/grpc-web+proto",
        "grpc-accept-encoding": "identity",
      };
      const names: string[] = [];
      for (const [name, values] of sendableFields(metadata)) {
        fields[name] = values.length === 1 ? values[0]! : values;
        names.push(name);
      }
      if (fields["access-control-expose-headers"] !== undefined && names.length > 0) {
        fields["access-control-expose-headers"] = `${EXPOSED_FIELDS}, ${names.join(", ")}`;
      }
      response.head(fields);
      begun = true;
    },
    write: send,
    finish(status, metadata) {
      if (!begun) wire.begin(new Map());
      const lines = statusFields(status).map(([name, value]) => `${name}: ${value}\r\n`);
      for (const [name, values] of sendableFields(metadata)) {
        for (const value of values) lines.push(`${name}: ${value}\r\n`);
      }
      for (const part of envelope(Buffer.from(lines.join(""), "latin1"), TRAILER_FLAG)) send(part);
      response.end();
    },
    abort: response.abort,
    queuedBytes: response.queuedBytes,
  };
  return wire;
}

/** The response side of HTTP/1.1. */
export function http1Response(request: IncomingMessage, response: ServerResponse): WebResponse {
  return {
    head(fields) {
      response.writeHead(200, fields);
      // In one packet with the first message where that follows at once; a stream's client waits for the head.
      queueMicrotask(() => {
        if (!response.writableEnded && !response.destroyed) response.flushHeaders();
      });
    },
    write: (bytes) => void response.write(bytes),
    end: () => void response.end(),
    abort: () => void request.destroy(),
    queuedBytes: () => response.writableLength,
    onClose: (listener) => void response.on("close", listener),
  };
}

/** The response side of an HTTP/2 stream. */
export function http2Response(stream: ServerHttp2Stream, pacer: BulkPacer): WebResponse {
  const writer = createStreamWriter(stream, pacer);
  return {
    head: (fields) => stream.respond({ ":status": 200, ...fields }),
    write: writer.write,
    end: () => writer.end(),
    abort() {
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      stream.destroy();
    },
    queuedBytes: writer.queuedBytes,
    onClose: (listener) => void stream.on("close", listener),
  };
}
