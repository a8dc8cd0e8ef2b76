import { type CallStart, parseGrpcTimeout, type Status } from "@vigil/protocol";
import { Code } from "@vigil/shared";
import { readMetadata } from "./metadata.js";

const METHOD_PATH = /^\/[^/?#]+\/[^/?#]+$/;

/** The start of a call from its request's head, or the status with which a malformed one is refused. */
export function readCallStart(
  path: string | undefined,
  timeout: string | string[] | undefined,
  rawHeaders: readonly string[],
): CallStart | Status {
  if (path === undefined || !METHOD_PATH.test(path)) {
    return { code: Code.unimplemented, message: "malformed method name: the path must be /package.Service/Method" };
  }
  const text = Array.isArray(timeout) ? timeout[0] : timeout;
  const timeoutMs = text === undefined ? undefined : parseGrpcTimeout(text);
  if (text !== undefined && timeoutMs === undefined) {
    return { code: Code.invalidArgument, message: "malformed grpc-timeout: up to 8 digits and one of H M S m u n" };
  }
  return { method: path, metadata: readMetadata(rawHeaders), timeoutMs };
}
