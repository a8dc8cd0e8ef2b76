import type { Clock } from "@vigil/shared";
import { type CandidatePairView, type IceConnection, PairState } from "../werift-internals.js";

/** Between two looks, in ms: longer than a nomination that is on its way, far below the time that a dial has. */
const LOOK_MS = 400;

/**
 * Defect of libjuice, the ICE of Viam's SDKs in Node (agent.c of 1.7): any answer that comes once it has decided to
 * nominate, also a second one to a check of before, counts as the answer to the nomination, which it then never sends. A
 * gateway that was busy for as long as a check takes to be repeated answers both at once: the client waits for DTLS,
 * werift for the nomination, and the dial hangs to its end (1 in 200 while 500 clients dial).
 *
 * A path that the client has checked, that answers, and that has stood for a whole look without any nomination is
 * taken; RFC 8445 (section 12) lets data flow on any valid path. A nomination that comes all the same has the last word.
 */
export function assumeNomination(clock: Clock, connection: IceConnection): void {
  const checkIncoming = connection.checkIncoming.bind(connection);
  const checkComplete = connection.checkComplete.bind(connection);
  let isLooking = false;
  let candidate: CandidatePairView | undefined;
  let assumed: CandidatePairView | undefined;

  const look = () => {
    if (connection.state === "closed" || connection.nominated) {
      isLooking = false;
      return;
    }
    const valid = connection.checkList.find(
      ({ state, requestsReceived }) => state === PairState.succeeded && requestsReceived > 0,
    );
    if (valid && valid === candidate) {
      assumed = valid;
      valid.nominated = true;
      checkComplete(valid);
    }
    candidate = valid;
    clock.after(LOOK_MS, look);
  };

  connection.checkIncoming = (message, address, protocol) => {
    checkIncoming(message, address, protocol);
    if (isLooking || connection.iceControlling || connection.nominated) return;
    isLooking = true;
    candidate = undefined;
    clock.after(LOOK_MS, look);
  };
  connection.checkComplete = (pair) => {
    const before = connection.nominated;
    if (before && before === assumed && pair !== assumed && pair.nominated) connection.nominated = undefined;
    checkComplete(pair);
    // werift did not take it.
    connection.nominated ??= before;
  };
}
