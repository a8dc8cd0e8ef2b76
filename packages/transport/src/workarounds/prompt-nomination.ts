import type { Clock } from "@vigil/shared";
import type { CandidatePairView, IceConnection } from "../werift-internals.js";

/** Between two checks of our own, in ms: werift's pace. */
const PACE_MS = 20;
/**
 * The controlling side checks first, for so long in ms. Our own checks are wanted only where a NAT between the two has
 * to be opened from here; what it checks is checked back at once.
 */
const HEAD_START_MS = 100;

/**
 * Defects: werift sees that a path has been nominated only at the next turn of its check pacing, up to 20 ms later; and
 * as the controlled side it checks before the other one has its answer. libjuice, the ICE of Viam's SDKs in Node and of
 * libdatachannel, then nominates nothing until its paced checks have come round, 50 to 100 ms later (measured).
 */
export function nominatePromptly(clock: Clock, connection: IceConnection): void {
  const check = connection.schedulingChecks.bind(connection);
  let isPacing = false;
  const turn = () => {
    isPacing = connection.state !== "closed" && connection.nominated === undefined;
    if (!isPacing) return;
    check();
    clock.after(PACE_MS, turn);
  };
  connection.schedulingChecks = () => {
    if (connection.checkList.length === 0) pretendPair(connection);
    if (!isPacing) {
      isPacing = true;
      if (connection.iceControlling) turn();
      else clock.after(HEAD_START_MS, turn);
    }
    // It waits for the outcome of the checks instead of for the next turn.
    return false;
  };
}

/**
 * Whoever begins to wait without a single pair gives up: as the wait begins there is one. The first true one comes with
 * the other side's first check, for a browser names its candidates by mDNS names, which mean nothing here.
 */
function pretendPair({ checkList }: IceConnection): void {
  const pretended = {} as CandidatePairView;
  checkList.push(pretended);
  queueMicrotask(() => checkList.splice(checkList.indexOf(pretended), 1));
}
