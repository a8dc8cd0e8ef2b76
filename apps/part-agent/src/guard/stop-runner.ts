import { type Clock, type Logger, VigilError } from "@vigil/shared";
import type { GuardedResource } from "./part-resources.js";

/** How often IsMoving is asked after a Stop has returned, in ms: it bounds how late an acknowledgement is noticed. */
const MOVING_PERIOD_MS = 10;

/**
 * One attempt to stop a resource (rules.md, R7): acknowledged means that Stop has returned and IsMoving is false.
 * The attempt's time limit is the guard's: it asks for the next one whatever becomes of this.
 */
export async function runStop(
  deps: { readonly clock: Clock; readonly log: Logger },
  { key, resource, settings }: GuardedResource,
): Promise<void> {
  const { clock, log } = deps;
  const giveUpAt = clock.now() + settings.safety.stopTimeoutMs;
  try {
    await resource.stop!({});
    while (await resource.isMoving?.()) {
      if (clock.now() >= giveUpAt) throw new VigilError("driver", "it still moves after its Stop has returned");
      await new Promise<void>((resolve) => clock.after(MOVING_PERIOD_MS, resolve));
    }
  } catch (error) {
    const known = VigilError.from(error, "driver");
    log.warn({ resource: key, error: known.message }, "a stop has failed; it will be tried again");
    throw known;
  }
}
