import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { create, createFileRegistry, type DescMethodBiDiStreaming, type DescMethodUnary } from "@bufbuild/protobuf";
import {
  type BytesValueSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";

const METHODS = ["Echo", "Fail", "FailLate", "Hang", "Throw", "BadMetadata"];

/** A service of bytes, made at run time: each method once as unary and once, with "Stream" before it, as a stream. */
const service = (() => {
  const bytes = ".google.protobuf.BytesValue";
  const proto = create(FileDescriptorProtoSchema, {
    name: "echo.proto",
    package: "test",
    dependency: ["google/protobuf/wrappers.proto"],
    service: ["Unary", "Stream"].map((name) => ({
      name,
      method: METHODS.map((method) => ({
        name: method,
        inputType: bytes,
        outputType: bytes,
        clientStreaming: name === "Stream",
        serverStreaming: name === "Stream",
      })),
    })),
  });
  return createFileRegistry(proto, () => file_google_protobuf_wrappers.proto);
})();

type Bytes = typeof BytesValueSchema;

export function unaryMethod(name: string): DescMethodUnary<Bytes, Bytes> {
  return service.getService("test.Unary")!.methods.find((each) => each.name === name) as DescMethodUnary<Bytes, Bytes>;
}

export function streamMethod(name: string): DescMethodBiDiStreaming<Bytes, Bytes> {
  const method = service.getService("test.Stream")!.methods.find((each) => each.name === name);
  return method as DescMethodBiDiStreaming<Bytes, Bytes>;
}

/** A message of raw gRPC, with its prefix. */
export function frame(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

export interface RawAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly rstCode: number;
  /** grpc-status, from wherever it came. */
  readonly status: number | undefined;
}

/** One raw gRPC call; resolves when its stream has closed, however it did. */
export function rawCall(session: ClientHttp2Session, path: string, body?: Buffer, extra = {}): Promise<RawAnswer> {
  return answerOf(openRaw(session, path, extra), (stream) => stream.end(body));
}

export function openRaw(session: ClientHttp2Session, path: string, extra = {}): ClientHttp2Stream {
  return session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...extra,
  });
}

export function answerOf(stream: ClientHttp2Stream, then: (stream: ClientHttp2Stream) => void): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const body: Buffer[] = [];
    stream.on("response", (fields) => {
      headers = fields;
    });
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    stream.on("data", (chunk: Buffer) => body.push(chunk));
    stream.on("error", () => undefined);
    stream.on("close", () => {
      const status = trailers["grpc-status"] ?? headers["grpc-status"];
      resolve({
        headers,
        trailers,
        body: Buffer.concat(body),
        rstCode: stream.rstCode ?? 0,
        status: status === undefined ? undefined : Number(status),
      });
    });
    then(stream);
  });
}

/** A session whose own troubles concern nobody: tests look at the port's side. */
export function dial(url: string): ClientHttp2Session {
  const session = connect(url, { rejectUnauthorized: false });
  session.on("error", () => undefined);
  return session;
}
