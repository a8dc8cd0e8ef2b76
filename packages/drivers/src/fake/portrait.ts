import type { Resource } from "../resource.js";

/** What a fake looks like now, for the fake camera. Angles in degrees, lengths in mm. */
export type Portrait =
  | {
      readonly kind: "base";
      readonly xMm: number;
      readonly yMm: number;
      readonly headingDeg: number;
      readonly widthMm: number;
      readonly wheelsRpm: { readonly left: number; readonly right: number };
    }
  | { readonly kind: "arm"; readonly jointsDeg: readonly number[]; readonly linkMm: number }
  | { readonly kind: "gripper"; readonly openingFraction: number; readonly holding: boolean }
  | { readonly kind: "servo"; readonly angleDeg: number }
  | { readonly kind: "motor"; readonly revolutions: number; readonly rpm: number };

/** A resource that can be drawn. Who shows resources of other parts to a camera gives it stand-ins of this shape. */
export interface Pictured {
  readonly name: string;
  portrait(): Portrait;
}

export function isPictured(resource: Resource | Pictured): resource is Resource & Pictured {
  return "portrait" in resource && typeof resource.portrait === "function";
}
