/** One answer of the store about one session, as the part needs it. Times left in ms, when the store looked. */
export interface LeaseFacts {
  readonly beat: number;
  readonly windowMs: number;
  readonly moveLeftMs: number;
  readonly quietLeftMs: number;
}

/**
 * A lease as a part sees it (rules.md, R3). Its deadlines are instants of the part's own clock, counted from the time
 * it *asked*: however late an answer comes, it can only make the lease shorter.
 */
export interface LeaseView {
  readonly beat: number;
  readonly windowMs: number;
  /** The session may move until then. */
  readonly moveDeadline: number;
  /** Motion without an end of its own may go on until then; never after `moveDeadline`. */
  readonly quietDeadline: number;
}

/**
 * Folds an answer into the view (R3): a newer beat sets the deadlines, the same beat may only lower them, an older one
 * is an old packet and changes nothing. An answer that holds no proper numbers grants nothing.
 * @param askedAt when the question was asked, by the part's clock.
 */
export function foldAnswer(view: LeaseView | undefined, facts: LeaseFacts, askedAt: number): LeaseView {
  if (view && !(facts.beat >= view.beat)) return view;
  const moveDeadline = askedAt + finite(Math.min(facts.moveLeftMs, facts.windowMs));
  const quietDeadline = Math.min(moveDeadline, askedAt + finite(Math.min(facts.quietLeftMs, facts.windowMs)));
  if (!view || facts.beat > view.beat) {
    return { beat: facts.beat, windowMs: facts.windowMs, moveDeadline, quietDeadline };
  }
  return {
    ...view,
    moveDeadline: Math.min(view.moveDeadline, moveDeadline),
    quietDeadline: Math.min(view.quietDeadline, quietDeadline),
  };
}

/** A comparison with NaN is false whichever way it is written, and one of the ways would let a robot move for ever. */
const finite = (leftMs: number): number => (Number.isFinite(leftMs) ? leftMs : -Infinity);
