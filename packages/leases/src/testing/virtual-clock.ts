import { createManualClock, type ManualClock } from "@vigil/shared/testing";

/** A clock that stands still, at an instant that is no duration. */
export const createVirtualClock = (startMs = 1_000_000): ManualClock => createManualClock(startMs);
