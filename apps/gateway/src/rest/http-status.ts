import type { Status } from "@vigil/protocol";
import { Code } from "@vigil/shared";

/** HTTP status of a gRPC code, as grpc-gateway 2 has it. 499: the client is gone, or cancelled the operation. */
const HTTP_STATUS: Readonly<Record<Code, number>> = {
  [Code.ok]: 200,
  [Code.cancelled]: 499,
  [Code.unknown]: 500,
  [Code.invalidArgument]: 400,
  [Code.deadlineExceeded]: 504,
  [Code.notFound]: 404,
  [Code.alreadyExists]: 409,
  [Code.permissionDenied]: 403,
  [Code.resourceExhausted]: 429,
  [Code.failedPrecondition]: 400,
  [Code.aborted]: 409,
  [Code.outOfRange]: 400,
  [Code.unimplemented]: 501,
  [Code.internal]: 500,
  [Code.unavailable]: 503,
  [Code.dataLoss]: 500,
  [Code.unauthenticated]: 401,
};

/** A part may send a code that nobody has defined. */
export const httpStatus = ({ code }: Status): number => HTTP_STATUS[code] ?? 500;

/** The body of an error. Details would need descriptors that nobody announces; no client of Viam reads them. */
export const errorBody = ({ code, message }: Status) => ({ code, message, details: [] });

export const NOT_FOUND: Status = { code: Code.notFound, message: "Not Found" };
/** grpc-gateway answers a wrong verb as an unknown method: 501. */
export const WRONG_VERB: Status = { code: Code.unimplemented, message: "Method Not Allowed" };
