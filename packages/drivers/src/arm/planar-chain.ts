import { VigilError } from "@vigil/shared";
import type { ArmPose } from "./arm.js";

const DEG = 180 / Math.PI;
/** How far a goal may lie outside of what the chain can reach exactly. */
const TOLERANCE_MM = 0.5;
/** Halvings of the bend's interval: 50 leave less than a picometre. */
const BISECTIONS = 50;

/** Where the links of a flat chain end, from the base outwards; joint angles are relative to the link before. */
export function linkEnds(jointsDeg: readonly number[], linkMm: number): { x: number; y: number }[] {
  let angle = 0;
  let point = { x: 0, y: 0 };
  return jointsDeg.map((joint) => {
    angle += joint / DEG;
    point = { x: point.x + linkMm * Math.cos(angle), y: point.y + linkMm * Math.sin(angle) };
    return point;
  });
}

/** The pose of a flat chain's end: it lies in the plane z = 0, and its roll is the sum of the joints. */
export function endPose(jointsDeg: readonly number[], linkMm: number): ArmPose {
  const { x, y } = linkEnds(jointsDeg, linkMm).at(-1)!;
  return { x, y, z: 0, oX: 0, oY: 0, oZ: 1, theta: jointsDeg.reduce((sum, joint) => sum + joint, 0) };
}

/**
 * Joints that bring the end of a chain of equal links to (x, y): all joints but the first bend alike, so the chain lies
 * on a circle and one number, the bend, decides how far it reaches. The orientation follows from the position.
 * @throws VigilError("bad_request") if it cannot get there.
 */
export function jointsFor(goal: ArmPose, joints: number, linkMm: number): number[] {
  if (Math.abs(goal.z) > TOLERANCE_MM) {
    throw new VigilError("bad_request", `the goal has z = ${goal.z} mm, but this arm moves in a plane: send z = 0`);
  }
  const distance = Math.hypot(goal.x, goal.y);
  const farthest = joints * linkMm;
  const nearest = joints === 1 ? linkMm : 0;
  if (distance > farthest + TOLERANCE_MM || distance < nearest - TOLERANCE_MM) {
    const reach = nearest === farthest ? `${farthest} mm` : `${nearest} to ${farthest} mm`;
    const asked = Math.round(distance * 10) / 10;
    throw new VigilError("bad_request", `the goal is ${asked} mm away: ask for a point at a distance of ${reach}`);
  }
  const bend = joints === 1 ? 0 : bendFor(Math.min(distance, farthest), joints, linkMm);
  const first = Math.atan2(goal.y, goal.x) - ((joints - 1) * bend) / 2;
  return [first * DEG, ...Array.from({ length: joints - 1 }, () => bend * DEG)];
}

/** The bend (0 to a full turn over all joints, in radians) at which the chain's ends are so far apart: it only falls. */
function bendFor(distance: number, joints: number, linkMm: number): number {
  let low = 0;
  let high = (2 * Math.PI) / joints;
  for (let round = 0; round < BISECTIONS; round += 1) {
    const middle = (low + high) / 2;
    const reach = (linkMm * Math.sin((joints * middle) / 2)) / Math.sin(middle / 2);
    if (reach > distance) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
