import type { DescFile, MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@vigil/shared";
import type { CallHandler } from "../call.js";
import {
  file_grpc_reflection_v1_reflection,
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.js";
import {
  file_grpc_reflection_v1alpha_reflection,
  ServerReflection as ServerReflectionV1Alpha,
} from "../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { type ServeDeps, serveTyped } from "../service/serve-typed.js";
import {
  createDescriptorIndex,
  type DescriptorIndex,
  fileDescriptorBytes,
  withDependencies,
} from "./descriptor-index.js";

export interface ReflectionDeps extends ServeDeps {
  /**
   * The files whose services are served now; asked at every call, so it may grow. Imports come along by themselves.
   * Every service that is listed must be found here: TypeScript gives up reflection on the first error.
   */
  files(): Iterable<DescFile>;
  /** False for a service of those files that is not served: it is not listed. All are by default. */
  isServed?(service: string): boolean;
}

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/**
 * gRPC reflection, v1 and v1alpha, by full service name: ready for `routeServices`. TypeScript asks v1 once a session is
 * wanted, Go v1alpha every 10 s (compat.md, section 3).
 */
export function createReflection(deps: ReflectionDeps): Readonly<Record<string, CallHandler>> {
  let files: readonly DescFile[] = [];
  let index = createDescriptorIndex(files);
  const current = (): DescriptorIndex => {
    const now = [...deps.files(), file_grpc_reflection_v1_reflection, file_grpc_reflection_v1alpha_reflection];
    if (now.length !== files.length || now.some((file, at) => file !== files[at])) {
      files = now;
      index = createDescriptorIndex(now);
    }
    return index;
  };

  const v1 = serveTyped(
    ServerReflection,
    {
      async *serverReflectionInfo(requests) {
        const here = current();
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(here, request, deps.isServed ?? (() => true)),
          };
        }
      },
    },
    deps,
  );
  // The two versions differ in the name of their package and in nothing else.
  const v1alpha: CallHandler = (start, response) =>
    v1(
      { ...start, method: start.method.replace(ServerReflectionV1Alpha.typeName, ServerReflection.typeName) },
      response,
    );
  return { [ServerReflection.typeName]: v1, [ServerReflectionV1Alpha.typeName]: v1alpha };
}

function answer(index: DescriptorIndex, request: ServerReflectionRequest, isServed: (name: string) => boolean): Answer {
  const { messageRequest } = request;
  switch (messageRequest.case) {
    case "listServices": {
      const service = index.services.filter(isServed).map((name) => ({ name }));
      return { case: "listServicesResponse", value: { service } };
    }
    case "fileByFilename":
      return fileAnswer(index.byFilename(messageRequest.value), messageRequest.value);
    case "fileContainingSymbol":
      return fileAnswer(index.bySymbol(messageRequest.value), messageRequest.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      return fileAnswer(index.byExtension(containingType, extensionNumber), `${containingType} ${extensionNumber}`);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = messageRequest.value;
      const extensionNumber = index.extensionNumbers(baseTypeName);
      if (extensionNumber === undefined) return errorAnswer(Code.notFound, `${baseTypeName} is not known here`);
      return {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName, extensionNumber: [...extensionNumber] },
      };
    }
    default:
      return errorAnswer(Code.invalidArgument, "the reflection request asks nothing: set one of its fields");
  }
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return errorAnswer(Code.notFound, `${asked} is not known here`);
  const fileDescriptorProto = withDependencies(file).map(fileDescriptorBytes);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function errorAnswer(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
