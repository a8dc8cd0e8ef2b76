import type { Attributes, Resource } from "../resource.js";

/** Anything that gives readings. */
export interface Sensor extends Resource {
  /** Values by name: whatever JSON can say. */
  readings(extra: Attributes): Promise<Attributes>;
}
