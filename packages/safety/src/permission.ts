import { SESSION_EXPIRED, VigilError } from "@vigil/shared";
import type { LinkEvidence } from "./link-evidence.js";
import type { GuardCall } from "./motion-group.js";
import { leaseOf, type PartSession, type PartSessions } from "./part-sessions.js";

/** Whether a call may act at an instant: asked in the same turn as each write (rules.md, R3 to R5). */
export interface Permission {
  /** Why not; undefined: it may. */
  whyNot(call: GuardCall, now: number): VigilError | undefined;
  /** Until when, if nothing new is heard. */
  until(call: GuardCall): number;
  /** Until when a session may move what it owns, if nothing new is heard. `endless`: the motion has no end of its own. */
  sessionUntil(session: string, endless: boolean): number;
  /** The session has a lease that still covers a call of this class. */
  isCovered(call: GuardCall, now: number): boolean;
  /** The shortest window among the leases known here, in ms. */
  windowMs(): number;
}

export const endedError = (): VigilError => new VigilError("session_ended", SESSION_EXPIRED);

export function createPermission(
  sessions: PartSessions,
  link: LinkEvidence,
  options: { readonly windowMs: number },
): Permission {
  const leaseUntil = (session: PartSession | undefined, endless: boolean): number => {
    const lease = session && leaseOf(session);
    if (!lease) return -Infinity;
    return endless ? lease.quietDeadline : lease.moveDeadline;
  };

  const permission: Permission = {
    whyNot(call, now) {
      const session = sessions.get(call.session);
      // R4: equality of data set, session and fence; never their order.
      if (!session || sessions.hasEnded(call.session) || session.incarnation !== call.incarnation) return endedError();
      if (sessions.fence(session) !== call.fence) {
        return new VigilError("fenced", "the command is older than a stop of its session here; command again");
      }
      // R3: the deadline and the command path, both by this clock and both strictly ahead.
      if (!permission.isCovered(call, now)) {
        return new VigilError("fenced", "the session's lease has run out; command again once its client is heard");
      }
      if (!link.isFresh(permission.windowMs(), now)) {
        return new VigilError("fenced", "the link to the gateway is not proven alive, so a Stop could not arrive");
      }
      return undefined;
    },
    until: (call) => permission.sessionUntil(call.session, call.class === "move_endless"),
    sessionUntil: (id, endless) =>
      Math.min(leaseUntil(sessions.get(id), endless), link.freshUntil(permission.windowMs())),
    isCovered: (call, now) => now < leaseUntil(sessions.get(call.session), call.class === "move_endless"),
    windowMs() {
      let shortest = options.windowMs;
      for (const { lease } of sessions.all()) if (lease) shortest = Math.min(shortest, lease.windowMs);
      return shortest;
    },
  };
  return permission;
}
