import { PassThrough } from "node:stream";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import {
  type CallStart,
  createStatus,
  type Metadata,
  NO_METADATA,
  type RequestSink,
  type ResponseSink,
  type Status,
  statusOf,
} from "@vigil/protocol";
import { Code, VigilError } from "@vigil/shared";
import type { FastifyReply, FastifyRequest } from "fastify";
import { readCallStart } from "../port/call-start.js";
import { MAX_QUEUED_BYTES_PER_CALL } from "../port/limits.js";
import { sendableFields } from "../port/metadata.js";
import { errorBody, httpStatus } from "./http-status.js";
import { readBody } from "./request-body.js";
import { readRequest } from "./request-message.js";
import type { RestMethod } from "./rest-methods.js";

/** How a call begins, with the caller already known. */
export type OpenRestCall = (start: CallStart, response: ResponseSink) => RequestSink;

export interface RestRequest {
  readonly method: RestMethod;
  readonly fields: ReadonlyMap<string, string>;
  readonly query: string;
}

/** grpc-gateway's names for metadata in HTTP fields, both ways. */
const METADATA_FIELD = /^grpc-metadata-(?=.)/i;

const GONE: Status = { code: Code.cancelled, message: "the client cancelled the call or is gone" };

/**
 * One HTTP request as one call. The call is opened before its body is read, as every other carrier does: who may not
 * call is told so without having sent anything, and a call that is under way is an operation that can be cancelled.
 */
export function serveRestCall(open: OpenRestCall, rest: RestRequest, request: FastifyRequest, reply: FastifyReply) {
  const { method } = rest;
  const start = readCallStart(method.name, request.headers["grpc-timeout"], metadataFields(request.raw.rawHeaders));
  if ("code" in start) return sendError(reply, start);
  let sink: RequestSink | undefined;
  let over = false;

  const answer = method.streams ? streamedAnswer(method.output, reply) : singleAnswer(method.output, reply);
  const fail = (status: Status) => {
    if (over) return;
    over = true;
    sink?.cancel(status);
    answer.trailers(status);
  };
  const response: ResponseSink = {
    headers: (metadata) => over || answer.headers(metadata),
    message(bytes) {
      if (over) return;
      const trouble = answer.message(bytes);
      if (trouble) fail(trouble);
    },
    trailers(status, metadata) {
      if (over) return;
      over = true;
      answer.trailers(status, metadata);
    },
  };
  reply.raw.once("close", () => {
    if (over) return;
    over = true;
    sink?.cancel(GONE);
  });
  sink = open(start, response);
  send(sink).catch((error) => fail(statusOf(error)));

  async function send(to: RequestSink): Promise<void> {
    const body = request.method === "GET" ? new Uint8Array() : await readBody(request.raw, () => over);
    if (over || body === undefined) return;
    const { query, fields } = rest;
    to.message(readRequest(method.input, { body, contentType: request.headers["content-type"], query, fields }));
    to.end();
  }
}

/** An error as JSON. What still comes of the request's body is read and dropped, or it would hold the connection up. */
export function sendError(reply: FastifyReply, status: Status): void {
  if (status.code === Code.unauthenticated) reply.header("www-authenticate", "Bearer");
  reply.request.raw.resume();
  reply.code(httpStatus(status)).type("application/json").send(errorBody(status));
}

/** The response side of a call; `message` gives the status with which the call has to end, if any. */
interface Answer {
  headers(metadata: Metadata): void;
  message(bytes: Uint8Array): Status | undefined;
  trailers(status: Status, metadata?: Metadata): void;
}

function singleAnswer(output: DescMessage, reply: FastifyReply): Answer {
  let text: string | undefined;
  return {
    headers: (metadata) => putMetadata(reply, metadata),
    message(bytes) {
      if (text !== undefined) return { code: Code.internal, message: "a unary call was answered twice" };
      const json = toText(output, bytes);
      if (typeof json !== "string") return json;
      text = json;
      return undefined;
    },
    trailers(status) {
      if (status.code !== Code.ok) return sendError(reply, status);
      if (text === undefined) return sendError(reply, { code: Code.internal, message: "the call was not answered" });
      reply.code(200).type("application/json").send(text);
    },
  };
}

/** One line of JSON for each message: {"result":...}, and {"error":...} as the last where the call fails midway. */
function streamedAnswer(output: DescMessage, reply: FastifyReply): Answer {
  let lines: PassThrough | undefined;
  const begin = (): PassThrough => {
    if (lines) return lines;
    lines = new PassThrough();
    reply.code(200).type("application/json").send(lines);
    return lines;
  };
  return {
    headers: (metadata) => lines === undefined && putMetadata(reply, metadata),
    message(bytes) {
      const json = toText(output, bytes);
      if (typeof json !== "string") return json;
      const stream = begin();
      if (stream.writableLength + stream.readableLength > MAX_QUEUED_BYTES_PER_CALL) {
        const message = "the client does not read its responses";
        stream.destroy(new VigilError("limit", message));
        return { code: Code.resourceExhausted, message };
      }
      stream.write(`{"result":${json}}\n`);
      return undefined;
    },
    trailers(status) {
      if (lines?.destroyed) return;
      if (!lines && status.code !== Code.ok) return sendError(reply, status);
      begin().end(status.code === Code.ok ? "" : `${JSON.stringify({ error: errorBody(status) })}\n`);
    },
  };
}

/** A message as JSON with the names of the .proto file; fields without a value are left out, as viam-server does. */
function toText(output: DescMessage, bytes: Uint8Array): string | Status {
  try {
    return JSON.stringify(toJson(output, fromBinary(output, bytes), { useProtoFieldName: true }));
  } catch (error) {
    return createStatus(Code.internal, `the answer cannot be written as JSON: ${(error as Error).message}`);
  }
}

function putMetadata(reply: FastifyReply, metadata: Metadata = NO_METADATA): void {
  for (const [name, values] of sendableFields(metadata)) reply.header(`grpc-metadata-${name}`, values);
}

/** Metadata may come under its own name or under grpc-gateway's. Renamed first, so that all rules for names hold. */
function metadataFields(rawHeaders: readonly string[]): string[] {
  return rawHeaders.map((text, at) => (at % 2 === 0 ? text.replace(METADATA_FIELD, "") : text));
}
