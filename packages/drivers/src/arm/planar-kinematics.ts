import type { Attributes } from "../resource.js";

/** A flat chain in Viam's SVA form: every joint turns about z, every link goes along x. */
export function planarKinematics(name: string, joints: number, linkMm: number, limitDeg: number): Attributes {
  const indices = Array.from({ length: joints }, (_, index) => index);
  return {
    name,
    kinematic_param_type: "SVA",
    links: [
      { id: "base", parent: "world", translation: { x: 0, y: 0, z: 0 } },
      ...indices.map((index) => ({
        id: `link${index}`,
        parent: `joint${index}`,
        translation: { x: linkMm, y: 0, z: 0 },
      })),
    ],
    joints: indices.map((index) => ({
      id: `joint${index}`,
      type: "revolute",
      parent: index === 0 ? "base" : `link${index - 1}`,
      axis: { x: 0, y: 0, z: 1 },
      min: -limitDeg,
      max: limitDeg,
    })),
  };
}
