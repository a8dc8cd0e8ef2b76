/**
 * Reordering beyond this is rarer than an attack. RFC 6347, section 4.1.2.6, wants at least 32; 256 is what bursts of
 * bundled packets on a busy wireless link need.
 */
const WINDOW_RECORDS = 256;

/**
 * Defect: werift has no DTLS replay window: captured records, sent again from anywhere, reach SCTP (measured: 8 of 8),
 * where they would pass for signs of life. `admits` is asked before decryption, `advance` told after it succeeded, so
 * that forged record numbers cannot move the window.
 */
export interface ReplayWindow {
  admits(sequenceNumber: number): boolean;
  advance(sequenceNumber: number): void;
}

export function createReplayWindow(): ReplayWindow {
  let highest = -1;
  const seen = new Uint8Array(WINDOW_RECORDS);
  return {
    admits(sequenceNumber) {
      if (sequenceNumber > highest) return true;
      return highest - sequenceNumber < WINDOW_RECORDS && seen[sequenceNumber % WINDOW_RECORDS] === 0;
    },
    advance(sequenceNumber) {
      if (sequenceNumber > highest) {
        const forgotten = Math.min(sequenceNumber - highest, WINDOW_RECORDS);
        for (let i = 0; i < forgotten; i++) seen[(sequenceNumber - i) % WINDOW_RECORDS] = 0;
        highest = sequenceNumber;
      }
      seen[sequenceNumber % WINDOW_RECORDS] = 1;
    },
  };
}
