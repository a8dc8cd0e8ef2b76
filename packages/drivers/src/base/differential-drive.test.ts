import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ORIGIN, type Pose2d, rolled, wheelPowers, wheelSpeeds } from "./differential-drive.js";

const WIDTH_MM = 600;
const rollMm = fc.double({ min: -2000, max: 2000, noNaN: true });
const near = (actual: Pose2d, expected: Pose2d, within: number) => {
  for (const key of ["xMm", "yMm", "headingDeg"] as const) {
    assert.ok(Math.abs(actual[key] - expected[key]) <= within, `${key}: ${actual[key]} is not near ${expected[key]}`);
  }
};

test("straight on goes along the heading, opposite wheels turn on the spot", () => {
  near(rolled(ORIGIN, 100, 100, WIDTH_MM), { xMm: 0, yMm: 100, headingDeg: 0 }, 1e-9);
  const quarterMm = (Math.PI / 4) * WIDTH_MM;
  near(rolled(ORIGIN, -quarterMm, quarterMm, WIDTH_MM), { xMm: 0, yMm: 0, headingDeg: 90 }, 1e-9);
  // Turned to the left, forward is -x.
  near(rolled({ ...ORIGIN, headingDeg: 90 }, 100, 100, WIDTH_MM), { xMm: -100, yMm: 0, headingDeg: 90 }, 1e-9);
});

test("one wheel held: half a circle around it", () => {
  near(rolled(ORIGIN, 0, Math.PI * WIDTH_MM, WIDTH_MM), { xMm: -WIDTH_MM, yMm: 0, headingDeg: 180 }, 1e-9);
});

test("one arc is the same as the many small arcs that it consists of", () => {
  fc.assert(
    fc.property(rollMm, rollMm, fc.integer({ min: 2, max: 50 }), (left, right, pieces) => {
      let pose = ORIGIN;
      for (let piece = 0; piece < pieces; piece += 1) pose = rolled(pose, left / pieces, right / pieces, WIDTH_MM);
      near(pose, rolled(ORIGIN, left, right, WIDTH_MM), 1e-6);
    }),
  );
});

test("many small straight steps come to the same arc", () => {
  fc.assert(
    fc.property(rollMm, rollMm, (left, right) => {
      const steps = 20_000;
      let { xMm, yMm, headingDeg } = ORIGIN;
      const turnDeg = (((right - left) / WIDTH_MM) * 180) / Math.PI / steps;
      for (let step = 0; step < steps; step += 1) {
        const along = ((headingDeg + turnDeg / 2) * Math.PI) / 180;
        xMm -= (Math.sin(along) * (left + right)) / 2 / steps;
        yMm += (Math.cos(along) * (left + right)) / 2 / steps;
        headingDeg += turnDeg;
      }
      near(rolled(ORIGIN, left, right, WIDTH_MM), { xMm, yMm, headingDeg }, 1e-3);
    }),
    { numRuns: 20 },
  );
});

test("rolling back along the same arc comes back to the start", () => {
  fc.assert(
    fc.property(rollMm, rollMm, (left, right) => {
      near(rolled(rolled(ORIGIN, left, right, WIDTH_MM), -left, -right, WIDTH_MM), ORIGIN, 1e-6);
    }),
  );
});

test("wheel speeds give back the velocity that they were made from", () => {
  fc.assert(
    fc.property(rollMm, fc.double({ min: -360, max: 360, noNaN: true }), (mmPerSec, degsPerSec) => {
      const { left, right } = wheelSpeeds(mmPerSec, degsPerSec, WIDTH_MM);
      assert.ok(Math.abs((left + right) / 2 - mmPerSec) < 1e-6);
      const turned = rolled(ORIGIN, left, right, WIDTH_MM).headingDeg;
      assert.ok(Math.abs(turned - degsPerSec) < 1e-6);
    }),
  );
});

test("wheel powers stay within full power and keep their direction", () => {
  const power = fc.double({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(power, power, (forward, turn) => {
      const { left, right } = wheelPowers(forward, turn);
      assert.ok(Math.max(Math.abs(left), Math.abs(right)) <= 1 + 1e-12);
      assert.ok(left * (forward - turn) >= 0 && right * (forward + turn) >= 0);
    }),
  );
});
