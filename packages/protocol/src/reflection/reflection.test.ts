import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clone,
  create,
  createFileRegistry,
  type DescFile,
  fromBinary,
  hasExtension,
  type MessageInitShape,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { createManualClock } from "@vigil/shared/testing";
import { createChannelClient } from "../channel/client.js";
import { createChannelServer } from "../channel/server.js";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { file_proto_rpc_v1_auth } from "../gen/proto/rpc/v1/auth_pb.js";
import { file_viam_common_v1_common, safety_heartbeat_monitored } from "../gen/viam/common/v1/common_pb.js";
import { file_viam_robot_v1_robot } from "../gen/viam/robot/v1/robot_pb.js";
import { routeServices } from "../service/service-router.js";
import { createTypedClient } from "../service/typed-client.js";
import { createReflection } from "./reflection.js";

/** A service with all that a method's options may hold. */
function motorFile(): DescFile {
  const options = create(MethodOptionsSchema, {
    deprecated: true,
    idempotencyLevel: MethodOptions_IdempotencyLevel.IDEMPOTENT,
  });
  const monitored = clone(MethodOptionsSchema, options);
  setExtension(monitored, safety_heartbeat_monitored, true);
  const [inputType, outputType] = [".viam.common.v1.DoCommandRequest", ".viam.common.v1.DoCommandResponse"];
  const file = create(FileDescriptorProtoSchema, {
    name: "test/motor.proto",
    package: "test.v1",
    dependency: ["viam/common/v1/common.proto"],
    syntax: "proto3",
    service: [
      {
        name: "MotorService",
        method: [
          { name: "SetPower", inputType, outputType, options: monitored },
          { name: "IsMoving", inputType, outputType, options },
          { name: "Stop", inputType, outputType },
        ],
      },
    ],
  });
  return createFileRegistry(file, () => file_viam_common_v1_common).getFile("test/motor.proto")!;
}

function reflectionOf(files: () => DescFile[], isServed?: (service: string) => boolean) {
  const services = createReflection({ files, clock: createManualClock(), ...(isServed && { isServed }) });
  const server = createChannelServer({ handler: routeServices(services), send: (frame) => client.receive(frame) });
  const client = createChannelClient({ send: (frame) => server.receive(frame) });
  return client.call;
}

type Ask = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

async function ask(call: ReturnType<typeof reflectionOf>, ...asks: Ask[]): Promise<ServerReflectionResponse[]> {
  async function* requests() {
    for (const messageRequest of asks) yield { host: "h", messageRequest };
  }
  const responses: ServerReflectionResponse[] = [];
  for await (const response of createTypedClient(ServerReflection, call).serverReflectionInfo(requests()))
    responses.push(response);
  return responses;
}

function filesIn(response: ServerReflectionResponse | undefined) {
  assert.ok(
    response?.messageResponse.case === "fileDescriptorResponse",
    JSON.stringify(response?.messageResponse.case),
  );
  return response.messageResponse.value.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
}

const ALL = () => [file_viam_robot_v1_robot, file_proto_rpc_v1_auth, motorFile()];

test("lists what is served, itself included, and grows with it", async () => {
  const files: DescFile[] = [file_viam_robot_v1_robot];
  const call = reflectionOf(
    () => files,
    (service) => service !== "proto.rpc.v1.ExternalAuthService",
  );
  const names = async () => {
    const [response] = await ask(call, { case: "listServices", value: "" });
    assert.ok(response?.messageResponse.case === "listServicesResponse");
    return response.messageResponse.value.service.map(({ name }) => name);
  };
  const own = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
  assert.deepEqual(await names(), [...own, "viam.robot.v1.RobotService"]);
  files.push(file_proto_rpc_v1_auth);
  assert.deepEqual(await names(), [...own, "proto.rpc.v1.AuthService", "viam.robot.v1.RobotService"]);
});

test("a symbol of any kind gives its file and all that it imports, enough to build it", async () => {
  const call = reflectionOf(ALL);
  const symbols = [
    "viam.robot.v1.RobotService",
    "viam.robot.v1.RobotService.StopAll",
    "viam.robot.v1.ResourceStatus",
    "viam.robot.v1.ResourceStatus.reachability",
    "viam.robot.v1.RestartModuleRequest.id_or_name",
    "viam.robot.v1.ResourceStatus.State",
    "viam.robot.v1.ResourceStatus.STATE_READY",
    "viam.robot.v1.PEER_CONNECTION_TYPE_GRPC",
  ];
  const responses = await ask(call, ...symbols.map((value): Ask => ({ case: "fileContainingSymbol", value })));
  assert.equal(responses.length, symbols.length);
  for (const [at, response] of responses.entries()) {
    const files = filesIn(response);
    assert.equal(files[0]?.name, "viam/robot/v1/robot.proto", symbols[at]);
    assert.equal(response.originalRequest?.messageRequest.value, symbols[at]);
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.reverse() }));
    assert.ok(registry.getService("viam.robot.v1.RobotService"));
  }
  const [common] = await ask(call, { case: "fileByFilename", value: "viam/common/v1/common.proto" });
  assert.ok(filesIn(common).some(({ name }) => name === "google/protobuf/struct.proto"));
});

test("of a method's options only the monitored one is left, in the form in which TypeScript reads it", async () => {
  const [response] = await ask(reflectionOf(ALL), { case: "fileContainingSymbol", value: "test.v1.MotorService" });
  const methods = filesIn(response)[0]!.service[0]!.method;
  assert.deepEqual(
    methods.map(({ name }) => name),
    ["SetPower", "IsMoving", "Stop"],
  );
  const [setPower, isMoving, stop] = methods;
  assert.ok(hasExtension(setPower!.options!, safety_heartbeat_monitored));
  assert.deepEqual([isMoving!.options, stop!.options], [undefined, undefined]);
  const reader = new BinaryReader(toBinary(MethodOptionsSchema, setPower!.options!));
  assert.deepEqual([reader.tag()[0], reader.bool(), reader.pos === reader.len], [84260, true, true]);
});

test("extensions are found by type and number", async () => {
  const options = "google.protobuf.MethodOptions";
  const [file, numbers, none] = await ask(
    reflectionOf(ALL),
    { case: "fileContainingExtension", value: { containingType: options, extensionNumber: 84260 } },
    { case: "allExtensionNumbersOfType", value: options },
    { case: "allExtensionNumbersOfType", value: "viam.common.v1.Pose" },
  );
  assert.equal(filesIn(file)[0]?.name, "viam/common/v1/common.proto");
  assert.deepEqual(numbers?.messageResponse.value, {
    ...(numbers?.messageResponse.value as object),
    baseTypeName: options,
    extensionNumber: [84260],
  });
  assert.ok(none?.messageResponse.case === "allExtensionNumbersResponse");
  assert.deepEqual(none.messageResponse.value.extensionNumber, []);
});

test("what is unknown is NOT_FOUND, and the stream goes on", async () => {
  const responses = await ask(
    reflectionOf(ALL),
    { case: "fileContainingSymbol", value: "no.Such" },
    { case: "fileByFilename", value: "no/such.proto" },
    { case: "fileContainingExtension", value: { containingType: "no.Such", extensionNumber: 1 } },
    { case: "allExtensionNumbersOfType", value: "no.Such" },
    { case: undefined },
    { case: "fileContainingSymbol", value: "viam.common.v1.Pose" },
  );
  const codes = responses.map(({ messageResponse }) =>
    messageResponse.case === "errorResponse" ? messageResponse.value.errorCode : 0,
  );
  assert.deepEqual(codes, [5, 5, 5, 5, 3, 0]);
});

test("v1alpha answers as v1 does", async () => {
  const call = reflectionOf(ALL);
  async function* requests() {
    yield { messageRequest: { case: "fileContainingSymbol" as const, value: "viam.robot.v1.RobotService" } };
    yield { messageRequest: { case: "listServices" as const, value: "*" } };
  }
  const responses = [];
  for await (const response of createTypedClient(ServerReflectionV1Alpha, call).serverReflectionInfo(requests())) {
    responses.push(response.messageResponse);
  }
  const [file, list] = responses;
  assert.ok(file?.case === "fileDescriptorResponse" && list?.case === "listServicesResponse");
  assert.ok(file.value.fileDescriptorProto.length > 3);
  assert.ok(list.value.service.some(({ name }) => name === "test.v1.MotorService"));
});

test("google's own files come along when they are imported", async () => {
  const [response] = await ask(reflectionOf(ALL), {
    case: "fileByFilename",
    value: file_google_protobuf_descriptor.proto.name,
  });
  assert.equal(filesIn(response).length, 1);
});
