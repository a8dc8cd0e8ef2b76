import { VigilError } from "@vigil/shared";
import { RedisReply } from "./redis-connection.js";

/** Replies that mean: the server follows a master. */
const REPLICA_REPLIES = new Set(["READONLY", "MASTERDOWN"]);

/** Replies that mean: user, password or rights are not what the server wants. */
const RIGHTS_REPLIES = new Set(["NOAUTH", "WRONGPASS", "NOPERM"]);

/**
 * Why a server is no lease store, or undefined (rules.md, R2). A replica may lack the last ends; a server that may evict
 * can forget the incarnation or a lease at any moment, whatever its present limit of memory.
 */
export function refusalOf(role: string, maxmemoryPolicy: string): VigilError | undefined {
  if (role !== "master") return replica();
  if (maxmemoryPolicy !== "noeviction") {
    return new VigilError(
      "bad_request",
      `the lease store's Redis has maxmemory-policy ${maxmemoryPolicy}, which may drop leases: set it to noeviction`,
    );
  }
  return undefined;
}

/** The refusal behind an error of an attempt: what a person has to mend, as against a server that is only away. */
export function refusalFrom(error: Error): VigilError | undefined {
  if (error instanceof VigilError) return error.reason === "bad_request" ? error : undefined;
  if (!(error instanceof RedisReply)) return undefined;
  if (REPLICA_REPLIES.has(error.kind)) return replica();
  if (!RIGHTS_REPLIES.has(error.kind)) return undefined;
  return new VigilError(
    "bad_request",
    `the lease store's Redis refuses our user (${error.kind}): give user and password in its address, and that user the rights for EVALSHA, EVAL, INFO, SUBSCRIBE and the keys`,
    { cause: error },
  );
}

function replica(): VigilError {
  return new VigilError(
    "bad_request",
    "the lease store's Redis is a replica, which may lack the last ends: give the address of the master",
  );
}
