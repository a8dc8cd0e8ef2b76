import { connect, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import {
  create,
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  toJson,
} from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ServerReflection } from "@vigil/protocol/gen/grpc/reflection/v1/reflection_pb.js";
import { ClientError } from "./client.js";

/** Calls by name with JSON, like grpcurl: what a service looks like is asked of the server. No SDK, no session. */
export interface RawCalls {
  /** Services that the server says it has. */
  services(): Promise<string[]>;
  /** @param method "viam.component.base.v1.BaseService/SetPower" */
  call(method: string, request: JsonObject, headers?: Readonly<Record<string, string>>): Promise<JsonObject>;
  /** A request of any bytes. @throws ClientError with the gRPC code */
  callBytes(method: string, request: Uint8Array): Promise<void>;
  /** Ends its connections as a program does that closes its socket, or that leaves bytes unread. */
  hangUp(how: "fin" | "rst"): void;
}

export function createRawCalls(url: string): RawCalls {
  const sockets = new Set<Socket>();
  const createConnection = ({ hostname, port }: URL): Socket => {
    const socket = connectTcp(Number(port), hostname);
    sockets.add(socket);
    return socket.once("close", () => sockets.delete(socket));
  };
  const transport: Transport = createGrpcTransport({ baseUrl: url, nodeOptions: { createConnection } });
  const reflection = createClient(ServerReflection, transport);
  const registries = new Map<string, Promise<FileRegistry>>();

  async function filesOf(symbol: string): Promise<FileRegistry> {
    const answers = reflection.serverReflectionInfo(
      (async function* () {
        yield { messageRequest: { case: "fileContainingSymbol" as const, value: symbol } };
      })(),
    );
    const files = new Map<string, FileDescriptorProto>();
    const missing: string[] = [];
    for await (const { messageResponse } of answers) collect(messageResponse);
    while (missing.length > 0) {
      const name = missing.pop()!;
      if (files.has(name)) continue;
      const more = reflection.serverReflectionInfo(
        (async function* () {
          yield { messageRequest: { case: "fileByFilename" as const, value: name } };
        })(),
      );
      for await (const { messageResponse } of more) collect(messageResponse);
    }
    // A set has to hold each file after those that it imports.
    const ordered = new Set<FileDescriptorProto>();
    const place = (file: FileDescriptorProto) => {
      for (const name of file.dependency) place(files.get(name)!);
      ordered.add(file);
    };
    for (const file of files.values()) place(file);
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...ordered] }));

    function collect(response: { case: string | undefined; value?: unknown }): void {
      if (response.case !== "fileDescriptorResponse")
        throw new Error(`no descriptor of ${symbol}: ${JSON.stringify(response.value)}`);
      for (const bytes of (response.value as { fileDescriptorProto: Uint8Array[] }).fileDescriptorProto) {
        const file = fromBinary(FileDescriptorProtoSchema, bytes);
        files.set(file.name, file);
        missing.push(...file.dependency.filter((name) => !files.has(name)));
      }
    }
  }

  async function describe(method: string): Promise<{ desc: DescMethod; registry: FileRegistry }> {
    const [service, name] = method.split("/") as [string, string];
    let pending = registries.get(service);
    if (!pending) {
      pending = filesOf(service);
      registries.set(service, pending);
    }
    const registry = await pending;
    const desc = registry.getService(service)?.methods.find((candidate) => candidate.name === name);
    if (!desc) throw new Error(`the server does not describe ${method}`);
    return { desc, registry };
  }

  return {
    async services() {
      const names: string[] = [];
      const answers = reflection.serverReflectionInfo(
        (async function* () {
          yield { messageRequest: { case: "listServices" as const, value: "" } };
        })(),
      );
      for await (const { messageResponse } of answers) {
        if (messageResponse.case === "listServicesResponse")
          names.push(...messageResponse.value.service.map(({ name }) => name));
      }
      return names;
    },
    async call(method, request, headers = {}) {
      const { desc, registry } = await describe(method);
      if (desc.methodKind !== "unary") throw new Error(`${method} is no unary method`);
      const message = fromJson(desc.input, request, { registry });
      const response = await transport.unary(
        desc as DescMethod & { methodKind: "unary" },
        undefined,
        undefined,
        headers,
        message,
      );
      return toJson(desc.output, response.message, { registry }) as JsonObject;
    },
    hangUp(how) {
      for (const socket of sockets) how === "fin" ? socket.destroy() : socket.resetAndDestroy();
    },
    callBytes: (method, request) => callBytes(url, method, request),
  };
}

/** One unary call over a connection of its own, written by hand: no library refuses to send it. */
async function callBytes(url: string, method: string, request: Uint8Array): Promise<void> {
  const session = connect(url);
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": `/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const outcome = new Promise<{ code: number; message: string }>((resolve, reject) => {
      const read = (fields: IncomingHttpHeaders) => {
        const status = fields["grpc-status"];
        if (status !== undefined) {
          resolve({ code: Number(status), message: decodeURIComponent(String(fields["grpc-message"] ?? "")) });
        }
      };
      stream.on("response", read);
      stream.on("trailers", read);
      stream.on("error", reject);
      stream.on("close", () => reject(new ClientError("the stream ended without a status")));
      session.on("error", reject);
    });
    stream.resume();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    stream.write(prefix);
    stream.end(request);
    const { code, message } = await outcome;
    if (code !== 0) throw new ClientError(message, code);
  } finally {
    session.destroy();
  }
}
