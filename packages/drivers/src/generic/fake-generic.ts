import { FAKE_NAMES } from "../fake/names.js";
import type { BuildContext, Model, Resource } from "../resource.js";

/** A component without an API of its own: there is nothing beyond {@link Resource}. */
export type Generic = Resource;

/** Answers every command with itself. */
export const fakeGeneric: Model<Generic> = { names: FAKE_NAMES, dependencies: () => [], build: createFakeGeneric };

function createFakeGeneric({ name }: BuildContext): Generic {
  return { name, drives: [], doCommand: async (command) => command, async close() {} };
}
