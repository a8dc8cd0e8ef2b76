import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { refusal } from "../testing/bench.js";
import { endPose, jointsFor, linkEnds } from "./planar-chain.js";

const LINK_MM = 200;
const at = (x: number, y: number, z = 0) => ({ x, y, z, oX: 0, oY: 0, oZ: 1, theta: 0 });

test("a stretched chain lies along x, and its roll is the sum of its joints", () => {
  assert.deepEqual(endPose([0, 0, 0], LINK_MM), at(600, 0));
  const { x, y, theta } = endPose([90, -45], LINK_MM);
  assert.ok(Math.abs(x - LINK_MM * Math.SQRT1_2) < 1e-9 && Math.abs(y - LINK_MM * (1 + Math.SQRT1_2)) < 1e-9);
  assert.equal(theta, 45);
});

test("links keep their length whatever the joints", () => {
  const joint = fc.double({ min: -360, max: 360, noNaN: true });
  fc.assert(
    fc.property(fc.array(joint, { minLength: 1, maxLength: 8 }), (joints) => {
      let from = { x: 0, y: 0 };
      for (const end of linkEnds(joints, LINK_MM)) {
        assert.ok(Math.abs(Math.hypot(end.x - from.x, end.y - from.y) - LINK_MM) < 1e-6);
        from = end;
      }
    }),
  );
});

test("joints for a point in reach bring the end there, within a turn each", () => {
  const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 8 }), angle, share, (count, direction, reach) => {
      const distance = reach * count * LINK_MM;
      const goal = at(distance * Math.cos(direction), distance * Math.sin(direction));
      const joints = jointsFor(goal, count, LINK_MM);
      assert.ok(joints.every((joint) => Math.abs(joint) <= 360));
      const end = endPose(joints, LINK_MM);
      assert.ok(Math.hypot(end.x - goal.x, end.y - goal.y) < 1e-3);
    }),
  );
});

test("a single joint reaches its circle only", () => {
  const [joint] = jointsFor(at(0, 200), 1, LINK_MM);
  assert.ok(Math.abs(joint! - 90) < 1e-9);
  assert.throws(() => jointsFor(at(0, 150), 1, LINK_MM), refusal("bad_request", /150 mm away.*distance of 200 mm/));
});

test("a point out of reach or out of the plane is refused with what would be right", () => {
  assert.throws(() => jointsFor(at(601, 0), 3, LINK_MM), refusal("bad_request", /601 mm away.*0 to 600 mm/));
  assert.throws(() => jointsFor(at(100, 0, 5), 3, LINK_MM), refusal("bad_request", /z = 5 mm.*send z = 0/));
});
