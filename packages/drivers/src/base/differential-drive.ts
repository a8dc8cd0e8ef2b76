/** Where a base is. Heading 0 looks along +y (Viam's forward) and grows to the left; it is never wrapped. */
export interface Pose2d {
  readonly xMm: number;
  readonly yMm: number;
  readonly headingDeg: number;
}

export const ORIGIN: Pose2d = { xMm: 0, yMm: 0, headingDeg: 0 };

const DEG = 180 / Math.PI;

/**
 * The pose after both wheels have rolled so far, each at a constant speed: the base has followed one arc, so this is
 * exact however long the interval was.
 */
export function rolled(from: Pose2d, leftMm: number, rightMm: number, widthMm: number): Pose2d {
  const turn = (rightMm - leftMm) / widthMm;
  const half = turn / 2;
  // The chord of an arc of length s that turns by 2h is s * sin(h) / h, and it points along the mean heading.
  const chordMm = ((leftMm + rightMm) / 2) * (Math.abs(half) < 1e-9 ? 1 : Math.sin(half) / half);
  const along = from.headingDeg / DEG + half;
  return {
    xMm: from.xMm - chordMm * Math.sin(along),
    yMm: from.yMm + chordMm * Math.cos(along),
    headingDeg: from.headingDeg + turn * DEG,
  };
}

/** Wheel speeds in mm/s for a forward speed in mm/s and a turn to the left in deg/s. */
export function wheelSpeeds(mmPerSec: number, degsPerSec: number, widthMm: number): { left: number; right: number } {
  const differenceMmPerSec = ((degsPerSec / DEG) * widthMm) / 2;
  return { left: mmPerSec - differenceMmPerSec, right: mmPerSec + differenceMmPerSec };
}

/** Wheel powers for a forward and a turning power: scaled down together where one would pass full power. */
export function wheelPowers(forward: number, turn: number): { left: number; right: number } {
  const scale = Math.max(1, Math.abs(forward) + Math.abs(turn));
  return { left: (forward - turn) / scale, right: (forward + turn) / scale };
}
