import type { DescFile } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Component, ResourceFailure } from "@vigil/drivers";
import type { ControlInit } from "@vigil/links";
import type { ResourceConfig } from "@vigil/shared";
import type { PartResources } from "../guard/part-resources.js";

/** What the part announces: its resources, also those that could not be built, and the APIs that it serves. */
export function describeInventory(
  components: readonly Component[],
  resources: PartResources,
  failures: readonly ResourceFailure[],
  unbuilt: readonly ResourceConfig[],
): ControlInit {
  const built = resources.all.map(({ config, isGuarded, settings }) => ({
    ...config.api,
    name: config.name,
    error: "",
    policy: settings.safety.policy,
    hasStop: isGuarded,
  }));
  const failed = failures.map(({ api, name, error }) => ({ ...api, name, error: error.message }));
  const invalid = unbuilt.map(({ api, name, problem }) => ({ ...api, name, error: problem ?? "" }));
  return {
    case: "inventory",
    value: {
      resources: [...built, ...failed, ...invalid],
      apis: components.map(({ api, service, methods, rest }) => ({
        ...api,
        service: service.typeName,
        methods: { ...methods },
        rest: { ...rest },
      })),
      files: withDependencies(components.map(({ service }) => service.file)).map((file) =>
        toBinary(FileDescriptorProtoSchema, file),
      ),
    },
  };
}

/** The files with all that they import, dependencies first, each once. */
function withDependencies(files: readonly DescFile[]): FileDescriptorProto[] {
  const seen = new Map<string, FileDescriptorProto>();
  const visit = (file: DescFile) => {
    if (seen.has(file.name)) return;
    for (const dependency of file.dependencies) visit(dependency);
    seen.set(file.name, file.proto);
  };
  for (const file of files) visit(file);
  return [...seen.values()];
}
