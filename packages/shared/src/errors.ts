/** gRPC status codes (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const Code = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/**
 * Every reason for which Vigil refuses or gives up, with the gRPC code a client sees. The set is closed: metrics use
 * it as label values, so a client's text can never become one.
 */
export const REASONS = {
  session_ended: Code.invalidArgument,
  stale: Code.aborted,
  fenced: Code.aborted,
  rearm: Code.failedPrecondition,
  stopping: Code.failedPrecondition,
  unauthenticated: Code.unauthenticated,
  permission: Code.permissionDenied,
  limit: Code.resourceExhausted,
  no_resource: Code.unknown,
  no_method: Code.unimplemented,
  bad_request: Code.invalidArgument,
  bad_frame: Code.internal,
  part_offline: Code.unavailable,
  store_unavailable: Code.unavailable,
  shutting_down: Code.unavailable,
  cannot_serve: Code.unavailable,
  cancelled: Code.cancelled,
  deadline: Code.deadlineExceeded,
  driver: Code.unknown,
  internal: Code.internal,
} as const satisfies Record<string, Code>;
export type Reason = keyof typeof REASONS;

/**
 * The one error type of Vigil. `reason` is for programs, `message` for the person who has to mend it: it says what is
 * wrong and what to do, in ASCII (non-ASCII error text has broken Viam clients; compat.md, section 4).
 */
export class VigilError extends Error {
  override readonly name = "VigilError";
  readonly reason: Reason;

  constructor(reason: Reason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }

  /** The gRPC status code that a client receives for this error. */
  get code(): Code {
    return REASONS[this.reason];
  }

  /** Any thrown value as a VigilError; `fallback` is the reason for values that are none yet. */
  static from(error: unknown, fallback: Reason = "internal"): VigilError {
    if (error instanceof VigilError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new VigilError(fallback, message, { cause: error });
  }
}

/** Viam's exact text for an ended or unknown session: SDKs compare it as a string (viam-wire.md). */
export const SESSION_EXPIRED = "SESSION_EXPIRED";
