import { create, createFileRegistry, type DescFile, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Descriptors of the services that parts serve, as they announced them: the gateway has none of them built in. */
export interface Descriptors {
  /** @param files serialised FileDescriptorProto messages, dependencies included. */
  set(part: string, files: readonly Uint8Array[]): void;
  files(): readonly DescFile[];
}

export function createDescriptors(): Descriptors {
  const byPart = new Map<string, readonly FileDescriptorProto[]>();
  let files: readonly DescFile[] = [];
  return {
    set(part, serialised) {
      byPart.set(
        part,
        serialised.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)),
      );
      // The same file of several parts is taken once: APIs only ever grow.
      const byName = new Map([...byPart.values()].flat().map((file) => [file.name, file]));
      const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...byName.values()] }));
      files = [...registry.files];
    },
    files: () => files,
  };
}
