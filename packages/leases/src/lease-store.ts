/**
 * A session's lease: what the store knows of it (rules.md, R2). Three instants, all in the store's own time:
 *
 * - `moveUntil`: the session may move actuators until then;
 * - `quietUntil`: motions without an end of their own (SetPower, SetVelocity, SetRPM) may go on until then. It never
 *   lies after `moveUntil`;
 * - `knownUntil`: the session exists until then, suspended once `moveUntil` has passed. Never before `moveUntil`.
 *
 * Asked for in another order, the later ones are cut to the earlier bound (quiet to move, move to known): a store never
 * answers more than any of the three allows. Each is kept as max(old, new), so an old sign of life lowers none.
 */
export interface LeaseInstants {
  readonly moveUntil: number;
  readonly quietUntil: number;
  readonly knownUntil: number;
}

/** A change of one lease, by the gateway (or by the part that a client dialled directly). */
export interface Renewal {
  readonly id: string;
  /**
   * Instants as distances, in ms, from the monotonic time `signOfLifeAt` of the renewing process: the store adapter
   * converts them into store time with the last pair (store time, own time of that reply), so that a renewal that is
   * delayed on its way is not stretched (R2: E = S + (beat - r) + window).
   */
  readonly signOfLifeAt: number;
  readonly moveForMs: number;
  readonly quietForMs: number;
  readonly knownForMs: number;
}

/**
 * - `renewed`: kept; counted as a new beat.
 * - `gone`: the lease has ended or was never there: the session is over for good.
 * - `past`: `knownUntil` as asked for lies already behind the store's time (the renewal stalled on its way): refused. A
 *   `moveUntil` in the past alone is none: that is how a suspended session is kept known.
 * - `beyond`: the instants asked for lie further ahead than now + what a sign of life of this very moment would give, by
 *   more than CLOCK_TOLERANCE_MS: the clocks disagree; refused. Within the tolerance they are cut to that bound.
 *
 * `gone` is looked at first, then `beyond`, then `past`. What is refused changes nothing.
 */
export type RenewalOutcome = "renewed" | "gone" | "past" | "beyond";

export interface NewLease {
  readonly id: string;
  /** The gateway's heartbeat window in ms: it travels in the lease (R8b). */
  readonly windowMs: number;
  readonly signOfLifeAt: number;
  readonly moveForMs: number;
  readonly quietForMs: number;
  readonly knownForMs: number;
}

/** What the store answers about one session. Times left in ms, at the moment the store looked. */
export type LeaseAnswer =
  | {
      readonly id: string;
      readonly known: true;
      /** Number of accepted renewals. A lower one than seen before is an old answer. */
      readonly beat: number;
      readonly windowMs: number;
      /** May be negative: it has lapsed. */
      readonly moveLeftMs: number;
      readonly quietLeftMs: number;
      readonly knownLeftMs: number;
    }
  | { readonly id: string; readonly known: false };

export interface LeaseReading {
  /** The data set that answered (R4). A change ends every session known under the old one. */
  readonly incarnation: string;
  readonly answers: readonly LeaseAnswer[];
}

/**
 * The side that creates, renews and ends leases. Every method rejects with VigilError("store_unavailable") when the
 * store does not answer in time; nothing is queued and nothing is tried again. Malformed arguments (an id that is empty
 * or too long, a number that is none) reject with VigilError("bad_request").
 */
export interface LeaseWriter {
  /**
   * Starts a lease with beat 1. Rejects with "bad_request" when the id has a lease already (ids are never used again),
   * and with "store_unavailable" when the store ran it too late or with a clock that disagrees (past, beyond).
   */
  create(lease: NewLease): Promise<{ readonly incarnation: string }>;
  /** One round trip for all of them. Outcomes in the order of the renewals. */
  renew(renewals: readonly Renewal[]): Promise<readonly RenewalOutcome[]>;
  /** Ends it now and tells all readers (push). True when it was there. Ending what is not there is no error. */
  end(id: string): Promise<boolean>;
}

/** The side that asks. A part holds one (R3). */
export interface LeaseReader {
  /**
   * One batched question. Rejects with VigilError("store_unavailable") when there is no answer in time.
   * @param ids session ids; at most {@link MAX_QUESTION_IDS}.
   */
  read(ids: readonly string[]): Promise<LeaseReading>;
  /** Pushed ends: only ever a hurry, never needed for correctness (R4). Returns the function that unsubscribes. */
  onEnd(listener: (id: string) => void): () => void;
}

/** A store's state, for /readyz and for whoever must end all sessions of an old incarnation. */
export interface StoreState {
  /** Undefined while the store cannot be reached. */
  readonly incarnation: string | undefined;
  /**
   * Fires on every change of incarnation, also to undefined (connection lost) and back. Undefined by itself ends
   * nothing: leases run on in the store and lapse by themselves. Another incarnation than before ends everything.
   */
  onIncarnation(listener: (incarnation: string | undefined) => void): () => void;
  /** Idempotent. Afterwards every method rejects with "store_unavailable" and no listener is called. */
  close(): Promise<void>;
}

/** What a part holds that asks the store by itself: it can neither create nor renew nor end. */
export interface ReadOnlyStore extends LeaseReader, StoreState {}

/** Store as a whole. */
export interface LeaseStore extends LeaseWriter, LeaseReader, StoreState {}

/** Most session ids in one question: bounds the time the store's script runs. */
export const MAX_QUESTION_IDS = 1024;

/** Longest session id in characters: ours are UUIDs of 36; the rest is room, so that no question can grow without bound. */
export const MAX_ID_LENGTH = 64;

/**
 * How far a sign of life may seem to lie in the store's future before the renewal is refused, in ms. Between two replies
 * (at most a second apart) a clock that is being slewed differs by 0.5 ms at the kernel's 500 ppm, by up to 80 ms at the
 * fastest that time daemons go; refusing at zero would end live sessions while a clock is being mended. What lies within
 * it is cut to now, so that it costs at most this much of P1's 50 ms.
 */
export const CLOCK_TOLERANCE_MS = 20;
