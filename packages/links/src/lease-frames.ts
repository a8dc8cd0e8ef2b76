import type { LeaseReading } from "@vigil/leases";
import type { LeaseReply } from "@vigil/protocol/gen/vigil/link/v1/link_pb.js";
import { VigilError } from "@vigil/shared";
import type { ControlInit } from "./control.js";

/** The store's answer, or its failure, as a frame of the control path. */
export function leaseReplyFrame(id: number, outcome: LeaseReading | VigilError): ControlInit {
  if (outcome instanceof VigilError) {
    return { case: "leaseReply", value: { id: BigInt(id), error: outcome.message } };
  }
  const leases = outcome.answers.map((answer) =>
    answer.known
      ? {
          session: answer.id,
          known: true,
          beat: BigInt(answer.beat),
          windowMs: answer.windowMs,
          moveLeftMs: answer.moveLeftMs,
          quietLeftMs: answer.quietLeftMs,
          knownLeftMs: answer.knownLeftMs,
        }
      : { session: answer.id, known: false },
  );
  return { case: "leaseReply", value: { id: BigInt(id), incarnation: outcome.incarnation, leases } };
}

/** @throws VigilError "store_unavailable" when the reply is a failure. */
export function readLeaseReply(reply: LeaseReply): LeaseReading {
  if (reply.error !== "") throw new VigilError("store_unavailable", reply.error);
  return {
    incarnation: reply.incarnation,
    answers: reply.leases.map((lease) =>
      lease.known
        ? {
            id: lease.session,
            known: true,
            beat: Number(lease.beat),
            windowMs: lease.windowMs,
            moveLeftMs: lease.moveLeftMs,
            quietLeftMs: lease.quietLeftMs,
            knownLeftMs: lease.knownLeftMs,
          }
        : { id: lease.session, known: false },
    ),
  };
}
