import { type Association, AssociationState } from "../werift-internals.js";

/**
 * Floor of the retransmission timeout in s. On a LAN the measured part (srtt + 4 * rttvar) is a few ms; 200 ms is the
 * most by which a receiver may delay its acknowledgement (RFC 9260, section 6.2), so nothing is repeated without need
 * even by one that ignores the I bit. A lone lost message then waits 0.2 s, two losses 0.6 s, instead of 1 s and 2 s.
 */
const MIN_RTO_S = 0.2;
/** Before the first measurement, and for INIT and COOKIE ECHO: repeating either without need does no harm. */
const INITIAL_RTO_S = 0.2;
/** werift never backs off. Doubling up to its former floor of 1 s keeps a black-out cheap and the recovery quick. */
const MAX_BACKED_OFF_S = 1;
const MAX_RTO_S = 60;

/**
 * Defect: the floor of 1 s (and 3 s for the first packet of an association) is above what a heartbeat window bears, and
 * werift offers no setting. `rto` becomes a computed property of this association.
 */
export function lowerRetransmissionTimeout(association: Association): void {
  let expiries = 0;

  const expired = association.timer3Expired;
  association.timer3Expired = () => {
    expiries++;
    expired();
  };
  const receiveSack = association.receiveSackChunk.bind(association);
  association.receiveSackChunk = (chunk) => {
    expiries = 0;
    return receiveSack(chunk);
  };

  Object.defineProperty(association, "rto", {
    configurable: true,
    get() {
      if (association.associationState !== AssociationState.established) {
        return Math.min(INITIAL_RTO_S * 2 ** association.timer1Failures, MAX_BACKED_OFF_S);
      }
      const { srtt, rttvar } = association;
      const measured =
        srtt === undefined || rttvar === undefined ? INITIAL_RTO_S : Math.max(MIN_RTO_S, srtt + 4 * rttvar);
      const backedOff = Math.min(measured * 2 ** Math.min(expiries, 8), Math.max(measured, MAX_BACKED_OFF_S));
      return Math.min(backedOff, MAX_RTO_S);
    },
    set() {
      // werift's own result, with the old floor in it.
    },
  });
}
