import type { createArrivalClock as ArrivalClockFactory } from "../../../apps/gateway/src/sessions/arrival-clock.js";
import type { createSessionKeeper as SessionKeeperFactory } from "../../../apps/gateway/src/sessions/session-keeper.js";
import type { createLeasePoller as LeasePollerFactory } from "../../../apps/part-agent/src/leases/lease-poller.js";

export type { SessionKeeper } from "../../../apps/gateway/src/sessions/session-keeper.js";
export type { GuardRunner } from "../../../apps/part-agent/src/guard/guard-runner.js";
export type { LeasePoller } from "../../../apps/part-agent/src/leases/lease-poller.js";

/** Pieces of the apps that need no I/O: the simulated robot runs the very files that ship. */
const built = async (path: string): Promise<object> =>
  import(new URL(`../../../../apps/${path}`, import.meta.url).href);

export const { createSessionKeeper } = (await built("gateway/dist/sessions/session-keeper.js")) as {
  createSessionKeeper: typeof SessionKeeperFactory;
};
export const { createArrivalClock } = (await built("gateway/dist/sessions/arrival-clock.js")) as {
  createArrivalClock: typeof ArrivalClockFactory;
};
export const { createLeasePoller } = (await built("part-agent/dist/leases/lease-poller.js")) as {
  createLeasePoller: typeof LeasePollerFactory;
};
