import { CLIENT_FAULTS } from "./client-faults.js";
import type { Row } from "./outcome.js";
import { ROBOT_FAULTS } from "./robot-faults.js";
import { nameOf, type Scenario, type StoreKind, type Variant } from "./scenario.js";

/** Every fault that the robot has to survive, with everybody whom it may hit: what the page and the tests go through. */
export const MATRIX: readonly Scenario[] = [...CLIENT_FAULTS, ...ROBOT_FAULTS];

/** One fault hitting one client. */
export interface Case {
  readonly scenario: Scenario;
  readonly variant: Variant;
}

export const allCases = (): Case[] =>
  MATRIX.flatMap((scenario) => scenario.variants.map((variant) => ({ scenario, variant })));

/** Each fault once, its variants by turns, so that all kinds of clients, sessions and stores are hit by something. */
export function onePerFault(): Case[] {
  return MATRIX.map((scenario, index) => ({
    scenario,
    variant: scenario.variants[index % scenario.variants.length]!,
  }));
}

export const nameOfCase = ({ scenario, variant }: Pick<Row, "scenario" | "variant">): string =>
  nameOf(scenario, variant);

/** Cases by the store that they need: one stage each. */
export function byStore(cases: readonly Case[]): [StoreKind, Case[]][] {
  const stores: readonly StoreKind[] = ["memory", "redis"];
  const grouped = stores.map((store): [StoreKind, Case[]] => [
    store,
    cases.filter(({ variant }) => variant.store === store),
  ]);
  return grouped.filter(([, own]) => own.length > 0);
}
