import { Code, type Reason, VigilError } from "@vigil/shared";
import type { CallHandler, Status } from "./call.js";
import { IGNORE_REQUESTS } from "./call.js";

/** Longest message of a status in characters: it must fit into one frame of a data channel, with its metadata. */
export const MAX_STATUS_MESSAGE_CHARS = 4096;

/**
 * `text` in printable ASCII, spaces for line breaks and other spaces, "?" for what else is not, cut to
 * {@link MAX_STATUS_MESSAGE_CHARS}. Clients broke on the non-breaking spaces of protobuf libraries (compat.md, section 4).
 */
export function asciiText(text: string): string {
  const short = text.length > MAX_STATUS_MESSAGE_CHARS ? `${text.slice(0, MAX_STATUS_MESSAGE_CHARS - 3)}...` : text;
  if (/^[ -~]*$/.test(short)) return short;
  return short.replace(/\s/gu, " ").replace(/[^ -~]/gu, "?");
}

/** A status with its message in ASCII. */
export function createStatus(code: Code, message: string): Status {
  return { code, message: asciiText(message) };
}

/** The status that a thrown value becomes: a VigilError's own code, UNKNOWN for everything else (as gRPC has it). */
export function statusOf(error: unknown): Status {
  if (error instanceof CallError) return error.status;
  if (error instanceof VigilError) return createStatus(error.code, error.message);
  return createStatus(Code.unknown, error instanceof Error ? error.message : String(error));
}

/** A handler that answers every call with `status` at once. */
export function answerWith(status: Status): CallHandler {
  return (_start, response) => {
    response.trailers(status);
    return IGNORE_REQUESTS;
  };
}

/** A call that the other side ended with a status other than OK; `code` is the wire's, `reason` the nearest of ours. */
export class CallError extends VigilError {
  readonly status: Status;

  constructor(status: Status) {
    super(NEAREST_REASON[status.code] ?? "driver", status.message);
    this.status = status;
  }

  override get code(): Code {
    return this.status.code;
  }
}

const NEAREST_REASON: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.cancelled]: "cancelled",
  [Code.invalidArgument]: "bad_request",
  [Code.deadlineExceeded]: "deadline",
  [Code.permissionDenied]: "permission",
  [Code.resourceExhausted]: "limit",
  [Code.unimplemented]: "no_method",
  [Code.internal]: "internal",
  [Code.unavailable]: "part_offline",
  [Code.unauthenticated]: "unauthenticated",
};
