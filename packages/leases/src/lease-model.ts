import {
  CLOCK_TOLERANCE_MS,
  type LeaseAnswer,
  type NewLease,
  type Renewal,
  type RenewalOutcome,
} from "./lease-store.js";

/**
 * The lease rules in their most literal form, for the conformance suite to compare a store with: it keeps every granted
 * instant and works out an answer from all of them.
 */
export interface LeaseModel {
  create(lease: NewLease, now: number): "created" | "bad_request" | "store_unavailable";
  renew(renewal: Renewal, now: number): RenewalOutcome;
  end(id: string, now: number): boolean;
  read(id: string, now: number): LeaseAnswer;
}

interface Grants {
  readonly windowMs: number;
  readonly move: number[];
  readonly quiet: number[];
  readonly known: number[];
}

export function createLeaseModel(): LeaseModel {
  const grants = new Map<string, Grants>();
  const isLive = (id: string, now: number) => (grants.get(id)?.known ?? []).some((instant) => instant > now);

  function refusal(request: Renewal, now: number): "past" | "beyond" | undefined {
    if (request.signOfLifeAt - now > CLOCK_TOLERANCE_MS) return "beyond";
    return Math.min(request.signOfLifeAt, now) + request.knownForMs <= now ? "past" : undefined;
  }

  function grant(to: Grants, request: Renewal, now: number): void {
    const { moveForMs: move, quietForMs: quiet, knownForMs: known } = request;
    const sign = Math.min(request.signOfLifeAt, now);
    to.known.push(sign + known);
    to.move.push(sign + Math.min(move, known));
    to.quiet.push(sign + Math.min(quiet, move, known));
  }

  return {
    create(lease, now) {
      if (isLive(lease.id, now)) return "bad_request";
      if (refusal(lease, now)) return "store_unavailable";
      const fresh: Grants = { windowMs: lease.windowMs, move: [], quiet: [], known: [] };
      grants.set(lease.id, fresh);
      grant(fresh, lease, now);
      return "created";
    },
    renew(renewal, now) {
      if (!isLive(renewal.id, now)) return "gone";
      const refused = refusal(renewal, now);
      if (refused) return refused;
      grant(grants.get(renewal.id)!, renewal, now);
      return "renewed";
    },
    end(id, now) {
      const was = isLive(id, now);
      grants.delete(id);
      return was;
    },
    read(id, now) {
      if (!isLive(id, now)) return { id, known: false };
      const { windowMs, move, quiet, known } = grants.get(id)!;
      const left = (instants: readonly number[]) => Math.max(...instants) - now;
      return {
        id,
        known: true,
        beat: known.length,
        windowMs,
        moveLeftMs: left(move),
        quietLeftMs: left(quiet),
        knownLeftMs: left(known),
      };
    },
  };
}
