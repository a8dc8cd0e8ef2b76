/** Every bound of the safety core, with its reason. Times in ms. Rule numbers refer to rules.md, R1 to R9. */

/**
 * Challenges per window. With independent datagrams and 10 % loss each way, ten give a false lapse per window of 6e-8,
 * five would give 2.5e-4 (R1).
 */
export const CHALLENGES_PER_WINDOW = 10;

/**
 * How much longer than the window an explicit session may be silent at the application while its transport answers
 * before it is suspended: a lost heartbeat costs a client one retransmission timeout of 1 s, and half a second more
 * for its jitter (R1).
 */
export const APPLICATION_GRACE_MS = 1500;

/** An explicit session suspended for silence ends this much later (R1). */
export const SILENT_SESSION_END_MS = 10_000;

/** Motion without an end of its own stops after this silence of an implicit session, unless configured (R1). */
export const DEFAULT_QUIET_LIMIT_MS = 10_000;

/** As many sessions as viam-server admits (compat.md, section 7): beyond it a client that leaks sessions is refused. */
export const MAX_SESSIONS = 1024;

/** A part's own challenge over the link must have been sent less than this ago, or less than the window (R3). */
export const LINK_FRESH_MS = 1000;

/** How often the guard looks at its clock and numbers the time for the gateway (R5). */
export const TICK_MS = 50;

/** A guard tick later than this: the process was paused or starved, and every session gets a new fence (R5). */
export const LATE_TICK_MS = 250;

/** Default of `max_command_age`: a relayed command older than this is refused (R5). */
export const DEFAULT_MAX_COMMAND_AGE_MS = 300;

/**
 * Ticks remembered: at 50 ms each a little over 51 s. A command that carries an older one is stale by any setting of
 * max_command_age that the configuration accepts (at most 30 s).
 */
export const REMEMBERED_TICKS = 1024;

/** Bounds of the period in which a part asks for its leases: clamp(window / 10, 10 ms, 200 ms) (R3). */
export const LEASE_PERIOD_MIN_MS = 10;
export const LEASE_PERIOD_MAX_MS = 200;

/** Backoff between failed stops: from 100 ms, doubled, to 1 s (R7). */
export const STOP_BACKOFF_MIN_MS = 100;
export const STOP_BACKOFF_MAX_MS = 1000;

/** A session that a part moves nothing for is asked about this long after its last call, then forgotten there. */
export const IDLE_SESSION_MS = 10_000;

/**
 * Sessions in one question to the store: as many as a gateway admits, and as the stores accept. A part that knows more
 * holds sessions whose end it has not learned yet; the least used ones wait until the others are gone.
 */
export const MAX_ASKED_SESSIONS = 1024;

/**
 * Ends that a part remembers, so that nothing brings them back (R4). Beyond it the oldest go: a lease of an older data
 * set still fails the comparison of the incarnation.
 */
export const REMEMBERED_ENDS = 4096;

/** Calls that wait for a lease or for a superseded call to settle, per part: beyond it callers are refused. */
export const MAX_WAITING_CALLS = 256;

/** Period in which a part asks the store about its leases, in ms, for a heartbeat window in ms (R3). */
export function leasePeriodMs(windowMs: number): number {
  return Math.min(LEASE_PERIOD_MAX_MS, Math.max(LEASE_PERIOD_MIN_MS, windowMs / 10));
}
