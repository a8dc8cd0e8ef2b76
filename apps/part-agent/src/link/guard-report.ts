import type { ControlInit } from "@vigil/links";
import type { GuardEvent } from "@vigil/safety";

/** An event of the guard as a frame: its instants become ages, since no two machines share a clock. */
export function guardReport(event: GuardEvent, now: number): ControlInit {
  switch (event.kind) {
    case "fenced":
      return {
        case: "fenceReport",
        value: {
          session: event.session ?? "",
          fence: event.fence,
          generation: event.generation,
          cause: event.cause,
          final: event.final,
          ageMs: now - event.at,
          operationsCancelled: event.operationsCancelled,
        },
      };
    case "stop":
      return {
        case: "stopReport",
        value: {
          session: event.session ?? "",
          cause: event.cause,
          resource: event.resource,
          sentAgeMs: now - event.sentAt,
          acknowledgedAgeMs: event.acknowledgedAt === undefined ? -1 : now - event.acknowledgedAt,
          attempts: event.attempts,
          outcome: event.outcome,
        },
      };
    case "refused":
      return { case: "refused", value: { reason: event.reason, count: 1 } };
  }
}
