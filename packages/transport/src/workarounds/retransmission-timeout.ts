import type { Association } from "../werift-internals.js";

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
 * werift offers no setting. `rto` is set anew wherever werift has computed it, or starts a timer with it. (An accessor in
 * its place would do so in one, but makes V8 look up every property of the association in a table.)
 */
export function lowerRetransmissionTimeout(association: Association): void {
  const { timer1Expired, timer3Expired } = association;
  const timer1Cancel = association.timer1Cancel.bind(association);
  const updateRto = association.updateRto.bind(association);
  const receiveSack = association.receiveSackChunk.bind(association);
  let expiries = 0;

  const setMeasured = () => {
    const { srtt, rttvar } = association;
    const measured =
      srtt === undefined || rttvar === undefined ? INITIAL_RTO_S : Math.max(MIN_RTO_S, srtt + 4 * rttvar);
    const backedOff = Math.min(measured * 2 ** Math.min(expiries, 8), Math.max(measured, MAX_BACKED_OFF_S));
    association.rto = Math.min(backedOff, MAX_RTO_S);
  };

  association.rto = INITIAL_RTO_S;
  // INIT and COOKIE ECHO.
  association.timer1Expired = () => {
    association.rto = Math.min(INITIAL_RTO_S * 2 ** (association.timer1Failures + 1), MAX_BACKED_OFF_S);
    timer1Expired();
  };
  association.timer1Cancel = () => {
    association.rto = INITIAL_RTO_S;
    timer1Cancel();
  };
  // DATA.
  association.timer3Expired = () => {
    expiries++;
    setMeasured();
    timer3Expired();
  };
  association.receiveSackChunk = (chunk) => {
    expiries = 0;
    setMeasured();
    return receiveSack(chunk);
  };
  association.updateRto = (roundTripS) => {
    updateRto(roundTripS);
    setMeasured();
  };
}
