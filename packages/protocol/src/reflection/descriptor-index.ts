import {
  create,
  type DescExtension,
  type DescFile,
  type DescMessage,
  getExtension,
  hasExtension,
  setExtension,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type MethodDescriptorProto,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { safety_heartbeat_monitored } from "../gen/viam/common/v1/common_pb.js";

/** Finds the files of a set, and of all that it imports, by what they declare. */
export interface DescriptorIndex {
  /** Full names of the services of the set itself, sorted; not those of imported files. */
  readonly services: readonly string[];
  byFilename(name: string): DescFile | undefined;
  /** The file that declares a service, method, message, field, oneof, enum, enum value or extension by its full name. */
  bySymbol(name: string): DescFile | undefined;
  byExtension(containingType: string, number: number): DescFile | undefined;
  /** Undefined when there is no such message. */
  extensionNumbers(containingType: string): readonly number[] | undefined;
}

export function createDescriptorIndex(roots: readonly DescFile[]): DescriptorIndex {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const messages = new Set<string>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of withDependencies(...roots)) {
    files.set(file.proto.name, file);
    for (const name of symbolsOf(file, messages)) symbols.set(name, file);
    for (const extension of extensionsOf(file)) {
      const numbers = extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
      extensions.set(extension.extendee.typeName, numbers.set(extension.number, file));
    }
  }
  return {
    services: [...new Set(roots.flatMap((file) => file.services.map((service) => service.typeName)))].sort(),
    byFilename: (name) => files.get(name),
    bySymbol: (name) => symbols.get(name),
    byExtension: (type, number) => extensions.get(type)?.get(number),
    extensionNumbers: (type) => (messages.has(type) ? [...(extensions.get(type)?.keys() ?? [])] : undefined),
  };
}

/** The files and all that they import, each once, every file before those that it imports. */
export function withDependencies(...roots: readonly DescFile[]): readonly DescFile[] {
  const found = new Map<string, DescFile>();
  const visited = new Set<string>();
  const visit = (file: DescFile) => {
    if (visited.has(file.proto.name)) return;
    visited.add(file.proto.name);
    for (const dependency of file.dependencies) visit(dependency);
    found.set(file.proto.name, file);
  };
  for (const root of roots) visit(root);
  return [...found.values()].reverse();
}

const serialised = new WeakMap<DescFile, Uint8Array>();

/**
 * A file's descriptor as bytes. Of the options of its methods only `safety_heartbeat_monitored` is left: the TypeScript
 * client reads every option of a method as a string, and fails on `deprecated` and the like (viam-wire.md).
 */
export function fileDescriptorBytes(file: DescFile): Uint8Array {
  let bytes = serialised.get(file);
  if (bytes === undefined) {
    bytes = toBinary(FileDescriptorProtoSchema, plainMethods(file.proto));
    serialised.set(file, bytes);
  }
  return bytes;
}

function plainMethods(file: FileDescriptorProto): FileDescriptorProto {
  const service = file.service.map((each) => ({ ...each, method: each.method.map(plainMethod) }));
  return { ...file, service };
}

function plainMethod(method: MethodDescriptorProto): MethodDescriptorProto {
  const { options, ...rest } = method;
  if (options === undefined || !hasExtension(options, safety_heartbeat_monitored)) return rest;
  const kept = create(MethodOptionsSchema);
  setExtension(kept, safety_heartbeat_monitored, getExtension(options, safety_heartbeat_monitored));
  return { ...rest, options: kept };
}

function* symbolsOf(file: DescFile, messages: Set<string>): Iterable<string> {
  for (const service of file.services) {
    yield service.typeName;
    for (const method of service.methods) yield `${service.typeName}.${method.name}`;
  }
  const enums = [...file.enums];
  for (const message of messagesOf(file)) {
    messages.add(message.typeName);
    yield message.typeName;
    for (const field of message.fields) yield `${message.typeName}.${field.name}`;
    for (const oneof of message.oneofs) yield `${message.typeName}.${oneof.name}`;
    enums.push(...message.nestedEnums);
  }
  for (const each of enums) {
    yield each.typeName;
    // A value's full name is its enum's sibling: C++ scoping, which all of protobuf follows.
    const scope = each.typeName.slice(0, each.typeName.lastIndexOf(".") + 1);
    for (const value of each.values) yield scope + value.name;
  }
  for (const extension of extensionsOf(file)) yield extension.typeName;
}

function messagesOf(file: DescFile): readonly DescMessage[] {
  const nested = (message: DescMessage): DescMessage[] => [message, ...message.nestedMessages.flatMap(nested)];
  return file.messages.flatMap(nested);
}

function extensionsOf(file: DescFile): readonly DescExtension[] {
  return [...file.extensions, ...messagesOf(file).flatMap((message) => message.nestedExtensions)];
}
