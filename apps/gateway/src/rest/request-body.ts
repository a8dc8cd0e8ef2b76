import type { IncomingMessage } from "node:http";
import { VigilError } from "@vigil/shared";
import { MAX_MESSAGE_BYTES } from "../port/limits.js";

/** Largest body: as large as the largest gRPC message, though JSON says the same in more bytes. */
const MAX_BODY_BYTES = MAX_MESSAGE_BYTES;

/**
 * The whole body of a request; undefined when `isOver` says that nobody waits for it any more.
 * @throws VigilError "limit" | "bad_request" | "cancelled"
 */
export async function readBody(request: IncomingMessage, isOver: () => boolean): Promise<Uint8Array | undefined> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new VigilError("bad_request", `the body is encoded as ${encoding}: send it as it is`);
  }
  const tooLarge = () => new VigilError("limit", `the body is larger than ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // The request stays open after an early end, or its answer would not get through.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (isOver()) return undefined;
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof VigilError) throw error;
    throw new VigilError("cancelled", "the request ended within its body", { cause: error });
  } finally {
    request.resume();
  }
  return isOver() ? undefined : Buffer.concat(chunks);
}
